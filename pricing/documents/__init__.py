"""The one reader of documents that people write: YAML and JSON in, values with their places out.

`read_document` gives a `Document`: its value, and the line of every place in it. `record_of` makes
a record of a value and refuses unknown fields and wrong types at their place. `schema_of` describes
the same records as a JSON Schema. Nothing here reads a file: text in, values out.
"""

from pricing.documents.loading import UniqueKeys, read_json, read_yaml, refuse_repeated_keys
from pricing.documents.reader import Document, Form, read_document, read_table
from pricing.documents.records import not_known, record_of, refusal, unknown_field
from pricing.documents.schemas import schema_of
from pricing.documents.unreadable import refuse_values

__all__ = [
    "Document",
    "Form",
    "UniqueKeys",
    "not_known",
    "read_document",
    "read_json",
    "read_table",
    "read_yaml",
    "record_of",
    "refusal",
    "refuse_repeated_keys",
    "refuse_values",
    "schema_of",
    "unknown_field",
]
