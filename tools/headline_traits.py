"""Countable traits of an English headline: marks, opening and closing words, and words of one kind (people, feelings, calls).

Word kinds carry what a few thousand tests cannot teach word by word. Each is counted up to CEILING times. No use is made of what
a sentence says as a whole, and other languages count as nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

CEILING = 2  # a third exclamation mark says no more than the second
QUOTES = str.maketrans("’‘“”", "''\"\"")


def _words(*words: str) -> str:
    return rf"(?i)\b(?:{'|'.join(words)})\b"


MARKS = {
    "question marks": r"\?", "exclamation marks": r"!", "sentences": r"[.?!]+(?:\s|$)", "commas": ",", "quotes": '"',
    "numbers": r"\d+", "capitals": r"\b[A-Z]{2,}\b", "ellipses": r"\.\.\.|…", "dashes": r"--|—|–|\s-\s", "colons": ":",
    "brackets": r"\(", "hashes": "#", "money and percent": r"[$£€%]", "apostrophes": r"\w'\w", "long words": r"\b\w{9,}\b",
}  # fmt: skip
PLACES = {
    "number first": r"^\d", "full stop last": r"\.$", "question last": r'\?"?$', "exclamation last": r'!"?$',
    "short last sentence": r"[.?!]\s+\S+(?:\s\S+){0,3}[.?!]?$", "question word first": r"(?i)^(?:what|why|how|who|when|where)\b",
    "pronoun first": r"(?i)^(?:he|she|they|it|i|we|you)\b", "article first": r"(?i)^(?:a|an|the)\b",
    "pointing first": r"(?i)^(?:this|these|here|watch|meet|see)\b", "scene first": r"(?i)^(?:when|if|after|before|while|in|at)\b",
    "-ing first": r"(?i)^\w+ing\b",
}  # fmt: skip
LITTLE_WORDS = {
    "I": _words("i", "me", "my", "i'm", "i've"), "you": _words("you", "you're", "your"), "he": _words("he", "his", "him"),
    "she": _words("she", "her"), "they": _words("they", "them", "their"), "we": _words("we", "our", "us"),
    "it": _words("it", "it's", "its", "itself"), "this": _words("this", "these"), "that": _words("that", "those"),
    "here": _words("here"), "the": _words("the"), "a": _words("an?"), "negations": r"(?i)\b(?:not|no|never)\b|n't\b",
    "vague": _words("something", "things?", "someone"), "links": _words("and", "but", "so", "or"),
    "prepositions": _words("of", "in", "on", "at", "for", "with", "to", "from", "by", "about", "into"),
    "contrast": _words("but", "instead", "despite", "even", "though", "except", "without", "than", "yet", "however"),
    "cause": _words("because", "if", "so", "since", "makes?", "making"),
    "absolute": _words("all", "every", "everyone", "everything", "always", "ever", "nobody", "nothing", "any", "anyone", "anything",
                       "entire", "whole", "most"),
    "time": _words("now", "when", "then", "before", "after", "until", "today", "days?", "years?", "minutes?", "seconds?", "moment",
                   "time", "once", "again", "while", "first", "last", "still", "yet"),
    "possible": _words("will", "would", "could", "should", "can", "might", "may", "gonna", "going to", "won't", "can't"),
}  # fmt: skip
KINDS = {
    "children": _words("kids?", "child", "children", "bab(?:y|ies)", "boys?", "girls?", "teen(?:s|agers?)?", "daughters?", "sons?",
                       "toddlers?", "year[- ]olds?"),
    "family": _words("moms?", "mothers?", "dads?", "fathers?", "parents?", "wi(?:fe|ves)", "husbands?", "famil(?:y|ies)", "brothers?",
                     "sisters?", "grand\\w+", "marri\\w+", "wedding"),
    "people": _words("m[ae]n", "wom[ae]n", "guys?", "lad(?:y|ies)", "dudes?", "person", "people", "folks?", "strangers?", "friends?"),
    "work": _words("teachers?", "doctors?", "cops?", "police", "officers?", "soldiers?", "vet(?:eran)?s?", "actors?", "comedians?",
                   "poets?", "artists?", "scientists?", "reporters?", "hosts?", "nurses?", "athletes?", "players?"),
    "politics": _words("congress", "senat\\w+", "politic\\w*", "president\\w*", "republicans?", "democrats?", "government",
                       "vot(?:e|es|ing|ers?)", "elections?", "laws?", "courts?", "news", "conservatives?", "liberals?", "bill", "rights",
                       "policy", "tax(?:es)?"),
    "money": _words("money", "banks?", "economy", "economic", "pay", "paid", "wages?", "jobs?", "compan(?:y|ies)", "corporat\\w+",
                    "business", "rich", "poor", "poverty", "dollars?", "billion\\w*", "millions?", "costs?"),
    "planet": _words("climate", "earth", "planet", "oil", "energy", "food", "water", "global", "environment\\w*", "science", "world",
                     "nature", "oceans?"),
    "health": _words("health\\w*", "cancer", "diseases?", "die[sd]?", "dying", "dead", "death", "kill(?:s|ed)?", "ill", "sick", "pain",
                     "drugs?", "birth", "bod(?:y|ies)"),
    "identity": _words("gay", "lesbian", "trans\\w*", "feminis\\w*", "rac(?:e|ism|ist|ial)", "black", "white", "muslims?", "christians?",
                       "sex\\w*", "gender", "immigra\\w+"),
    "media": _words("videos?", "clip", "film", "movie", "songs?", "music", "photos?", "pictures?", "images?", "infographic", "chart",
                    "graph", "maps?", "speech", "poem", "ads?", "commercial", "tv", "show", "interview", "cartoon", "comic", "talk",
                    "stor(?:y|ies)"),
    "calls": _words("watch", "see", "look", "check out", "listen", "meet", "click", "share", "read", "find out", "let"),
    "telling": _words("said", "asked", "told", "says", "tells", "asks", "gave", "made", "took", "saw", "heard", "got", "went", "did",
                      "was", "were", "had", "found", "tried", "stood", "turned", "started", "decided", "happened", "came"),
    "mind": _words("think", "know", "knew", "believe", "understand", "realiz\\w*", "wonder\\w*", "guess", "expect\\w*", "thought",
                   "means?", "remember", "forget", "learn\\w*", "imagine"),
    "feeling": _words("love\\w*", "hate\\w*", "cry", "crying", "tears", "laugh\\w*", "smile\\w*", "heart\\w*", "happy", "happiness",
                      "sad", "angry", "fear", "afraid", "scared", "proud", "feel\\w*", "hope", "hurt\\w*"),
    "praise": _words("amazing", "awesome", "incredible", "beautiful\\w*", "brilliant\\w*", "perfect\\w*", "best", "great\\w*",
                     "powerful", "inspiring", "hilarious", "epic", "genius", "wonderful", "good", "cool", "adorable", "funny"),
    "shock": _words("shock\\w*", "stun\\w*", "horrif\\w*", "terrifying", "disturb\\w*", "insane", "crazy", "unbelievable", "outrage\\w*",
                    "ridiculous", "awful", "worst", "terrible", "scary", "creepy", "weird", "wrong", "bad", "disgusting"),
    "surprise": _words("surpris\\w*", "secret\\w*", "unexpected\\w*", "actually", "really", "turns out", "truth", "reveal\\w*", "real",
                       "reasons?", "discover\\w*", "just", "simple", "only"),
}  # fmt: skip
PIECES = {**MARKS, **PLACES, **LITTLE_WORDS, **KINDS}
TRAITS = ("length", "word length", *PIECES)
_PATTERNS = [re.compile(pattern) for pattern in PIECES.values()]


def traits(texts: Sequence[str]) -> np.ndarray:
    """(len(texts), len(TRAITS)): log of characters, mean letters a word, then how often each of PIECES occurs, 0 to CEILING."""
    rows = []
    for text in texts:
        plain = text.translate(QUOTES).strip()
        lengths = [len(word) for word in re.findall(r"[\w']+", plain)] or [0]
        found = (min(len(one.findall(plain)), CEILING) for one in _PATTERNS)
        rows.append([np.log1p(len(plain)), float(np.mean(lengths)), *found])
    return np.array(rows, float).reshape(len(rows), len(TRAITS))
