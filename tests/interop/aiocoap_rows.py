"""Every row of the CoAP contract through aiocoap, a client that was not written here.

Called with a JSON object: the server's base, the names and keys to use, and a blob's file. Fails by an exception.
"""

import asyncio
import json
import sys
import time

import cbor2
from aiocoap import GET, POST, Code, Context, Message, NON
from aiocoap.error import NotObservable


async def main(given):
    base, cik, download = given["base"], given["cik"], given["download"]
    with open(given["blob"], "rb") as file:
        blob = file.read()
    context = await Context.create_client_context()

    async def ask(method, path, payload=b"", **options):
        message = Message(code=method, uri=base + path, payload=payload, **options)
        return await asyncio.wait_for(context.request(message).response, 120)

    async def expect(code, method, path, payload=b"", **options):
        answer = await ask(method, path, payload, **options)
        assert answer.code == code, (path, answer.code, answer.payload)
        return answer

    # activation, once
    key = (await expect(Code.CONTENT, POST, given["activation"])).payload.decode()
    assert len(key) == 40
    await expect(Code.NOT_FOUND, POST, given["activation"])

    # content: a list, a line, a blob in blocks, a tag that is still good
    assert (await expect(Code.CONTENT, GET, f"{download}?{cik}")).payload == b"fw\n"
    info = (await expect(Code.CONTENT, GET, f"{download}/fw/info?{cik}")).payload.decode()
    assert info.startswith(f"application/octet-stream,{len(blob)},"), info
    fetched = await expect(Code.CONTENT, GET, f"{download}/fw?{cik}")
    assert fetched.payload == blob
    small = Message(code=GET, uri=f"{base}{download}/fw?{cik}")
    small.opt.block2 = (0, False, 2)
    assert (await asyncio.wait_for(context.request(small).response, 300)).payload == blob
    await expect(Code.UNAUTHORIZED, GET, f"{download}?{'0' * 40}")

    # values, short and long
    await expect(Code.CHANGED, POST, f"/1a/text?{cik}", "grüße".encode())
    assert (await expect(Code.CONTENT, GET, f"/1a/text?{cik}")).payload.decode() == "grüße"
    await expect(Code.BAD_REQUEST, POST, f"/1a/count?{cik}", b"none")
    await expect(Code.FORBIDDEN, GET, f"/1a/nothing?{cik}")
    long = "langer Text " * 1000
    await expect(Code.CHANGED, POST, f"/1a/text?{cik}", long.encode())
    assert (await expect(Code.CONTENT, GET, f"/1a/text?{cik}")).payload.decode() == long
    raw = Message(code=GET, uri=f"{base}/1a/text")
    raw.opt.uri_query = ()
    raw_query = bytes.fromhex(cik)
    from aiocoap.numbers.optionnumbers import OptionNumber
    from aiocoap.optiontypes import OpaqueOption
    raw.opt.add_option(OpaqueOption(OptionNumber.URI_QUERY, raw_query))
    assert (await asyncio.wait_for(context.request(raw).response, 120)).payload.decode() == long

    # several at once
    both = await expect(Code.CONTENT, POST, f"/1a?{cik}&count&text", cbor2.dumps({"count": "7", "text": "hi"}))
    assert cbor2.loads(both.payload) == {"count": "7", "text": "hi"}
    both = await expect(Code.CONTENT, POST, f"/1a?{cik}&text", cbor2.dumps({"text": long}), content_format=60)
    assert cbor2.loads(both.payload) == {"text": long}

    # the resource API
    call = {"auth": {"cik": cik}, "calls": [{"id": 1, "procedure": "read", "arguments": [{"alias": "text"}, {}]}]}
    answer = await expect(Code.CONTENT, POST, "/rpc", cbor2.dumps(call), content_format=60)
    assert cbor2.loads(answer.payload)[0]["result"][0][1] == long
    answer = await expect(Code.CONTENT, POST, "/rpc", json.dumps(call).encode(), accept=50)
    assert json.loads(answer.payload)[0]["result"][0][1] == long

    # time and links
    assert abs(int((await expect(Code.CONTENT, GET, "/ts")).payload) - time.time()) < 5
    binary = (await expect(Code.CONTENT, GET, "/ts", accept=42)).payload
    assert abs(int.from_bytes(binary, "big", signed=True) - time.time()) < 5
    links = (await expect(Code.CONTENT, GET, "/.well-known/core")).payload.decode()
    assert "</ts>" in links and "</1a>" in links, links
    assert (await ask(GET, "/ts", mtype=NON)).code == Code.CONTENT

    # observing
    request = context.request(Message(code=GET, uri=f"{base}/1a/count?{cik}", observe=0))
    first = await asyncio.wait_for(request.response, 60)
    assert first.payload == b"7"
    told = []

    async def listen():
        async for notification in request.observation:
            told.append(notification.payload.decode())

    listening = asyncio.create_task(listen())
    for value in range(10):
        await expect(Code.CHANGED, POST, f"/1a/count?{cik}", str(value).encode())
        if given["bad_link"]:
            await asyncio.sleep(0.3)
    begun = time.monotonic()
    while not told or told[-1] != "9":
        assert time.monotonic() - begun < 90, told
        await asyncio.sleep(0.05)
    assert given["bad_link"] or told == [str(value) for value in range(10)], told
    request.observation.cancel()
    listening.cancel()
    await context.shutdown()


asyncio.run(main(json.loads(sys.argv[1])))
