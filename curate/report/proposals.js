"use strict";
// Verdicts of the page, as a table that `curate loop RECIPE --accept` takes.
(() => {
  const cards = [...document.querySelectorAll(".proposal")];
  const told = document.querySelector("output");
  const columns = ["uid", "image_uid", "origin", "proposed", "accept", "edited", "by"];
  let unsaved = false;

  const chosen = (card) => card.querySelector("input[type=radio]:checked").value;
  const row = (card) => {
    const accept = chosen(card), edited = card.querySelector("input[type=text]").value.trim();
    const untouched = card.dataset.by === "model" && accept === "true" && edited === "";
    const { uid, image, origin, proposed } = card.dataset;
    // Of a web text the run knows the words.
    return { uid, image_uid: image, origin, proposed: origin === "synthetic" ? proposed : "",
             accept, edited: accept === "true" ? edited : "", by: untouched ? "model" : "person" };
  };
  const count = () => {
    const all = cards.map(chosen);
    const n = (value) => all.filter((v) => v === value).length;
    cards.forEach((card, i) => { card.classList.toggle("true", all[i] === "true"); card.classList.toggle("false", all[i] === "false"); });
    told.value = `${n("true")} accepted, ${n("false")} rejected, ${n("")} undecided`;
  };
  const save = (name, type, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    unsaved = false;
  };
  const cell = (text) => {
    const safe = /^[=+\-@\t\r\n']/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const csv = () => "\ufeff" + [columns, ...cards.map(row).map((r) => columns.map((c) => r[c]))]
    .map((cells) => cells.map(cell).join(",")).join("\n") + "\n";
  const json = () => JSON.stringify(cards.map(row).map((r) => ({ ...r, accept: r.accept === "" ? null : r.accept === "true" })), null, 1);

  const name = document.body.dataset.name;
  document.getElementById("csv").addEventListener("click", () => save(`${name}.csv`, "text/csv", csv()));
  document.getElementById("json").addEventListener("click", () => save(`${name}.json`, "application/json", json()));
  document.addEventListener("change", () => { unsaved = true; count(); });
  document.addEventListener("input", (event) => {
    const card = event.target.closest(".proposal");
    // Who writes a better text means to accept it.
    if (event.target.type === "text" && event.target.value.trim()) card.querySelector("input[value=true]").checked = true;
    unsaved = true;
    count();
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.type === "text" || event.ctrlKey || event.metaKey || event.altKey) return;
    const card = event.target.closest(".proposal"), value = { a: "true", r: "false", u: "" }[event.key];
    if (!card || value === undefined) return;
    card.querySelector(`input[value="${value}"]`).checked = true;
    unsaved = true;
    count();
    (cards[cards.indexOf(card) + 1] || card).focus();
  });
  window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
  count();
})();
