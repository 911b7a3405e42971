"""Import of contacts: from the bytes of a file to decided rows.

`reading` opens a file as a stream of raw rows (`vcard` reads cards), `mapping` says which column is what, `rows`
makes contacts of raw rows, `matching` decides what becomes of each. These four know no workspace and keep memory flat,
made to be called in chunks.
"""
