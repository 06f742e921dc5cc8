"""Lists of concepts, called metadata: what CLIP and MetaCLIP balance a corpus by.

None is shipped. `build` makes one out of word lists, a text corpus and page views of the user's own.
"""
