"""Who may ask what: the door, tokens, signatures."""
