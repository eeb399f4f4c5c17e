"""What a search has tried, as ``search.json`` beside its runs holds it: no study is needed."""

SEARCH_FILE = "search.json"
