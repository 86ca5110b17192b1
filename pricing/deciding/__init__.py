"""From a catalogue to decisions: candidates, guardrails, strategies, reasons."""
