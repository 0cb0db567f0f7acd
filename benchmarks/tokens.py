"""Counts tokens of o200k_base: JSON of texts by name on stdin, of counts by name on stdout. Runs in `.bench/`."""

import json
import sys

from bpe_openai import get_encoding

encoding = get_encoding("o200k_base")
counted = {
    whose: {name: len(encoding.encode_ordinary(text)) for name, text in texts.items()}
    for whose, texts in json.load(sys.stdin).items()
}
json.dump(counted, sys.stdout)
