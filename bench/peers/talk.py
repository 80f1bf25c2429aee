"""The program of the talk that Hubbub starts from: aiohttp and aiohttp_sse, generated names, a queue per user."""
import asyncio
import json
import os
import random

from aiohttp import web
from aiohttp_sse import sse_response

ADJECTIVES = ['amber', 'brave', 'calm', 'eager', 'gentle', 'keen', 'merry', 'quiet']
ANIMALS = ['badger', 'crane', 'fox', 'heron', 'lynx', 'otter', 'raven', 'wolf']

queues = {}


def new_name():
    while True:
        name = f'{random.choice(ADJECTIVES)}-{random.choice(ANIMALS)}-{random.randrange(10 ** 6)}'
        if name not in queues:
            return name


async def subscribe(request):
    name = new_name()
    queue = queues[name] = asyncio.Queue()
    try:
        async with sse_response(request) as response:
            while True:
                await response.send(await queue.get())
    finally:
        del queues[name]


async def publish(request):
    payload = await request.json()
    event = json.dumps({'user': new_name(), 'message': payload['message']})
    for queue in queues.values():
        queue.put_nowait(event)
    return web.json_response({'success': True}, status=201)


app = web.Application()
app.add_routes([web.get('/events', subscribe), web.post('/events', publish)])
web.run_app(app, host='127.0.0.1', port=int(os.environ['PORT']), access_log=None, print=None)
