"""`pricing-rules.yaml`: the document of a shop's rules, and what stands in it."""
