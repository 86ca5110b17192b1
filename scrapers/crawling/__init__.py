"""One crawl: its process, its lease, its way to the database, its timetable."""
