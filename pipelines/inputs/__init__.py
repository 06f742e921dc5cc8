"""Inputs: whatever a user has, read as a stream of tables of `schema.INPUT`, and cut into shards.

Each kind is one file with `sources(input)`, every file that its rows and images come from, `columns(input)`, the
names that it looks for in them, and `read(input)`; URL lists, which may be long, also have `read_tables(input)`.
Nothing is lost: a line that cannot be read is a row whose outcome is `bad_row` and whose message names the line.
"""
