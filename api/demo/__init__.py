"""The demo: a made-up market, two competitor shops and a webhook receiver, all on this machine."""
