"""Parts of all adapters to Yandex: credentials, and the meaning of its refusals.

A request carries an `ApiKey`, or a token that is kept fresh until the end of a block:

    service = Service("ai.speechkit-stt.user", "the model and the language")
    async with IamTokens.open(tokens_of_machine()) as credentials:
        access = Access(service, credentials)
        await access.ask(job)

where `job` makes the request with the given metadata, and raises `RpcError` if it fails.
One set of credentials serves all services and all calls.
"""
