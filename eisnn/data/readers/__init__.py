"""One reader for each format: it turns the files that a dataset's makers published into a `Source`.

Every image is decoded at most once per machine (see eisnn/data/cache.py). Files are looked for in
the data root, then where a Debian package puts them. If they are in neither, torchvision downloads
them into the root, for the datasets that it can download.
"""
