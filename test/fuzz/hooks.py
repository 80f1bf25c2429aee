"""What schemathesis is told of Hubbub: https://schemathesis.readthedocs.io/en/stable/guides/extending/"""
import re

import requests
import schemathesis

STREAMS = ('text/event-stream', 'application/x-ndjson', 'text/plain')
# Seconds in which a stream has begun, on a machine that does much else at the same time.
PATIENCE_S = 20
EVENT_ID = re.compile(r'(?:0|[1-9][0-9]{0,14})-(?:0|[1-9][0-9]{0,14})')


def reads_events(case):
    return case.method.upper() == 'GET' and case.path == '/events'


def waits(query):
    """Whether a long poll would wait, since nothing is wrong with the time that it is given."""
    try:
        return 0 <= float(str(query.get('wait', 25))) <= 60
    except ValueError:
        return False


@schemathesis.hook
def before_call(ctx, case, kwargs):
    # No event has an id by chance: with a well-formed one every post would be refused for it alone.
    if isinstance(case.body, dict) and EVENT_ID.fullmatch(str(case.body.get('replyTo'))) and len(case.body) % 2 == 0:
        case.body = {name: value for name, value in case.body.items() if name != 'replyTo'}
    # A stream never ends, so it is asked for as a long poll, and what is there is enough.
    if not reads_events(case):
        return
    case.headers['accept'] = 'application/json'
    if waits(case.query):
        case.query = {**case.query, 'wait': 0}


@schemathesis.check
def stream_begins(ctx, response, case):
    """The same as a stream: it begins, or is refused as documented."""
    if not reads_events(case):
        return
    url = response.request.url
    wanted = STREAMS[len(url) % len(STREAMS)]
    headers = {**response.request.headers, 'accept': wanted}
    with requests.get(url, headers=headers, stream=True, timeout=PATIENCE_S) as stream:
        documented = case.operation.definition.raw['responses']
        assert str(stream.status_code) in documented, f'as {wanted}: {stream.status_code} is not documented'
        assert stream.status_code < 500, f'as {wanted}: {stream.status_code} {stream.text}'
        got = stream.headers['content-type']
        expected = wanted if stream.status_code == 200 else 'application/json'
        assert got.startswith(expected), f'as {wanted}: {stream.status_code} came as {got}'
        if stream.status_code == 200 and wanted != 'text/plain':
            assert next(stream.iter_content(1), b'') != b'', f'as {wanted}: it ended before it began'
