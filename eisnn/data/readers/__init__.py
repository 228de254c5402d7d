"""One reader for each format, from the files that a dataset's makers published to a `Source`.

Every image is decoded at most once per machine (see eisnn/data/cache.py). Files are looked for in
the data root, then where a Debian package puts them; what is in neither is downloaded by
torchvision into the root, where torchvision can.
"""
