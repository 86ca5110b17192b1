"""The only place with SQL: tables, migrations, imports, and typed functions over them."""
