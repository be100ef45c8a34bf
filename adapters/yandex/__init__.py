"""What the adapters of Yandex share: who we are to it, and what its refusals mean.

A service is asked with an `ApiKey`, or with tokens that are kept fresh for as long as a block:

    service = Service("ai.speechkit-stt.user", "the model and the language")
    async with IamTokens.open(tokens_of_machine()) as credentials:
        access = Access(service, credentials)
        await access.ask(job)

where `job` makes the request with the metadata that it is given, and raises the `RpcError` that
comes of it. One set of credentials serves all services and all calls.
"""
