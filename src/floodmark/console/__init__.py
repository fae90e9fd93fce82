"""The pages in a browser (`floodmark console`): a reader of the topics like any other, and whoever acts through it
writes an action like any other.

    topics ─► reader ─► store (SQLite, a view that can be deleted) ─► queries ─► server ─► static/ in the browser
                          └► live (what is new, to every open page)        acting ◄─┘

`contract.py` is what the API says; its OpenAPI is made from it. Nothing here judges, and nothing but the topics keeps
what people did.
"""
