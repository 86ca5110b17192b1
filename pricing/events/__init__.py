"""What can happen, as frozen records: one catalogue that alerts, webhooks and logs read.

A record knows neither its identifier nor its moment: `storage.events` gives both.
"""
