"""Captions and their tokens as Stanford's PTBTokenizer 3.4.1 gave them, less COCO's punctuation: recorded with
pycocoevalcap 1.2 and a Java machine."""

RECORDED = {
    "A man, riding a horse.": "a man riding a horse",
    "It's the dog's ball -- (red) … \"quoted\" text!": "it 's the dog 's ball -lrb- red -rrb- quoted text",
    "Don't can't won't cannot gonna lemme gimme 'tis": "do n't ca n't wo n't can not gon na lem me gim me 't is",
    "Mr. Smith lives on 5th St. near Dr. Jones.": "mr. smith lives on 5th st. near dr. jones",
    "The U.S.": "the u.s.",
    "a well-known dog; $5.99, 1,000 cars, 50% off & more": "a well-known dog $ 5.99 1,000 cars 50 % off & more",
    "dogs' tails [x] {y} <b> a/b 1/2 3.5 10:30": "dogs tails -lsb- x -rsb- -lcb- y -rcb- <b> a/b 1/2 3.5 10:30",
    "two dogs... wait.. what?! #tag @user": "two dogs wait what ?! #tag @user",
    "I'm you're he'd they've she'll o'clock '90s 80's": "i 'm you 're he 'd they 've she 'll o'clock '90s 80 's",
    "café naïve “smart” ‘quotes’ it’s – en — em": "café naïve smart quotes it 's en em",
    "t-shirt's x-ray a_b c++ C# snow-covered. man's. end-": "t-shirt 's x-ray a_b c++ c# snow-covered man 's end",
    "y'all ain't could've d'oh O'Reilly ma'am 'em": "y' all ai n't could 've d'oh o'reilly ma'am 'em",
    "a dog.The man": "a dog.the man",
    "AT&T b&w R&B &amp; &lt;": "at&t b & w r&b & <",
    "hello,world hi:there word(s) a,b": "hello world hi there word -lrb- s -rrb- a b",
    "21 Jan. 2014, 12/25/2013 2013-12-25 12-year-old 100ft": "21 jan. 2014 12/25/2013 2013-12-25 12-year-old 100ft",
    "William J. Carpenter, 57.5mm and 76x127mm": "william j. carpenter 57.5 mm and 76x127mm",
    " a  double   space\ttab\nline": "a double space tab line",
}
