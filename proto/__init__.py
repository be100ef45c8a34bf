"""The wire formats that adapters speak: our .proto files, and the messages generated from them.

`speechkit/` holds the former, `messages/` the latter: `make proto` lets betterproto2 generate it,
and `make check` sees that it is up to date. Messages alone; what carries them is `adapters.grpc`.

`proto` is also the import name of the proto-plus wheel, which vendors' SDKs bring along; so none of
those is a dependency, and a test holds that this name has one owner.
"""
