"""The wire formats that adapters speak: our .proto files, and the messages generated from them.

`proto` is also the import name of the proto-plus wheel, which vendors' SDKs bring along; so none of
those is a dependency, and a test holds that this name has one owner.
"""
