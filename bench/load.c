// Opens event streams, posts messages, and counts what arrives. One process, one thread, epoll; Linux.
//
//     cc -O2 -o load load.c && ./load --port 3000 --streams 1000 --publishers 64 --pid "$server"
//
// Every posted body carries a marker, "@@<usec>@@", the time at which it was sent. A delivery is a marker whose bytes
// have arrived at a stream; its latency is the time since. Nothing may be lost or doubled: each stream must get every
// acknowledged post of its room once, which is checked by count and by the sum of the markers.
//
// Prints one JSON object. Where something was lost, doubled, refused or closed, it says so in one line on standard error
// and exits with 1.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  READS_AT_ONCE = 32,         // reads of streams between two looks at the publishers, who must not wait for them
  READ_BYTES = 64 * 1024,
  HEADER_BYTES = 16 * 1024,   // of an answer, at most
  REQUEST_BYTES = 64 * 1024,
  PORTS_PER_ADDRESS = 20000,  // connections from one source address; beyond them the next one is used
  OPENING_AT_ONCE = 256,
  STALLED_RECEIVE_BYTES = 4096
};
static const int64_t SECOND = 1000000; // usec
static const int64_t OPENING_LIMIT = 120 * SECOND;
static const int64_t LINGER = SECOND / 4; // how long is watched for what should not come any more

// ---------------------------------------------------------------------------------------------------- options

static struct {
  char *host, *path, *post_path, *body, *cursor;
  int port, post_port, pid, streams, stalled, rooms, publishers, behind, one_by_one, settle_ms;
  double warm_up, seconds, rate, patience;
  bool at_once, hold;
} option = {
  .host = "127.0.0.1", .path = "/events", .post_path = "/events", .body = "{\"message\":\"@@{T}@@\"}",
  .port = 3000, .rooms = 1, .settle_ms = 100, .seconds = 4, .patience = 15
};

enum kind { FLAG, NUMBER, REAL, TEXT };

static const struct {
  const char *name;
  enum kind kind;
  void *value;
  const char *help;
} OPTIONS[] = {
  { "host", TEXT, &option.host, "address of the server" },
  { "port", NUMBER, &option.port, "port of the server" },
  { "post-port", NUMBER, &option.post_port, "port that is posted to, where that is another server's" },
  { "pid", NUMBER, &option.pid, "the server's process, whose memory and CPU time are read" },
  { "streams", NUMBER, &option.streams, "event streams to open" },
  { "at-once", FLAG, &option.at_once, "open all streams together, not some hundreds at a time" },
  { "stalled", NUMBER, &option.stalled, "the first so many streams are opened, and never read" },
  { "path", TEXT, &option.path, "of the streams; {ROOM} is the number of the stream's room" },
  { "rooms", NUMBER, &option.rooms, "streams and posts go round over so many rooms" },
  { "publishers", NUMBER, &option.publishers, "connections that post; each again as soon as it is answered" },
  { "rate", REAL, &option.rate, "instead: posts per second, over all publishers" },
  { "post-path", TEXT, &option.post_path, "of the posts; {ROOM} as above" },
  { "body", TEXT, &option.body, "of the posts, JSON; {T} is the time (usec) and belongs between @@ and @@; {ROOM} as above" },
  { "warm-up", REAL, &option.warm_up, "how long (seconds) is posted before; not measured, but all of it must arrive" },
  { "seconds", REAL, &option.seconds, "how long is posted" },
  { "patience", REAL, &option.patience, "how long (seconds) is waited for what is still to come" },
  { "settle-ms", NUMBER, &option.settle_ms, "pause after the streams are open, before memory is read" },
  { "behind", NUMBER, &option.behind, "nothing is posted: every stream is caught up once it has had so many events" },
  { "cursor", TEXT, &option.cursor, "with --behind: the Last-Event-ID from which the streams go on" },
  { "hold", FLAG, &option.hold, "with --behind: the streams stay open, once the result is printed, until the standard input ends" },
  { "one-by-one", NUMBER, &option.one_by_one, "with --behind: one stream after the other, so many times" }
};
enum { OPTION_COUNT = sizeof OPTIONS / sizeof *OPTIONS };

// Says in one line why this cannot go on, and ends.
__attribute__((format(printf, 1, 2), noreturn))
static void fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("load: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  exit(1);
}

static void print_help(void) {
  for (int i = 0; i < OPTION_COUNT; i++) printf("  --%-12s %s\n", OPTIONS[i].name, OPTIONS[i].help);
  exit(0);
}

static void set_option(int index, char *text) {
  char *end = "";
  switch (OPTIONS[index].kind) {
    case FLAG: *(bool *)OPTIONS[index].value = true; break;
    case TEXT: *(char **)OPTIONS[index].value = text; break;
    case NUMBER: *(int *)OPTIONS[index].value = strtol(text, &end, 10); break;
    case REAL: *(double *)OPTIONS[index].value = strtod(text, &end); break;
  }
  bool number = OPTIONS[index].kind == NUMBER || OPTIONS[index].kind == REAL;
  if (number && (*end != '\0' || end == text || *text == '-')) fail("--%s wants a number, got %s", OPTIONS[index].name, text);
}

static void read_options(int count, char **arguments) {
  for (int i = 1; i < count; i++) {
    if (strcmp(arguments[i], "--help") == 0) print_help();
    int found = 0;
    while (found < OPTION_COUNT && (strncmp(arguments[i], "--", 2) != 0 || strcmp(arguments[i] + 2, OPTIONS[found].name) != 0)) found++;
    if (found == OPTION_COUNT) fail("there is no option %s; --help lists them", arguments[i]);
    bool flag = OPTIONS[found].kind == FLAG;
    if (!flag && i + 1 == count) fail("%s wants a value", arguments[i]);
    set_option(found, flag ? "" : arguments[++i]);
  }
  if (option.post_port == 0) option.post_port = option.port;
  if (option.rooms < 1) fail("--rooms wants 1 at least");
  if (option.stalled > option.streams) fail("--stalled wants no more than --streams");
  if (option.behind > 0 && option.publishers > 0) fail("--behind and --publishers exclude each other");
  if (option.one_by_one > 0 && option.behind == 0) fail("--one-by-one goes with --behind");
}

// ---------------------------------------------------------------------------------------------------- clocks, memory

static int64_t now_usec(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * SECOND + time.tv_nsec / 1000;
}

static int64_t end_of_patience(void) {
  return now_usec() + (int64_t)(option.patience * SECOND);
}

static double own_cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void server_gone(void) {
  fail("the server (process %d) is gone", option.pid);
}

// Of all its threads.
static double server_cpu_seconds(void) {
  if (option.pid == 0) return 0;
  clockid_t clock;
  struct timespec time;
  if (clock_getcpuclockid(option.pid, &clock) != 0 || clock_gettime(clock, &time) != 0) server_gone();
  return time.tv_sec + time.tv_nsec / 1e9;
}

// KB. `anon` leaves out mapped files, which are the page cache's.
struct memory { long rss, anon; };

static struct memory server_memory(void) {
  struct memory memory = { 0, 0 };
  if (option.pid == 0) return memory;
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/status", option.pid);
  FILE *file = fopen(path, "r");
  if (file == NULL) server_gone();
  while (fgets(line, sizeof line, file) != NULL) {
    sscanf(line, "VmRSS: %ld", &memory.rss);
    sscanf(line, "RssAnon: %ld", &memory.anon);
  }
  fclose(file);
  return memory;
}

// ---------------------------------------------------------------------------------------------------- histogram

// Times in usec, in buckets that are at most 1/128 of their value wide: a bucket is the leading 8 bits, and how far they
// are shifted.
enum { BITS = 8, BUCKETS = (64 - BITS + 1) << BITS };

struct histogram {
  uint64_t count, max;
  uint64_t buckets[BUCKETS];
};

static int bucket_of(uint64_t value) {
  int shift = value >> BITS == 0 ? 0 : 64 - BITS - __builtin_clzll(value);
  return (shift << BITS) + (int)(value >> shift);
}

// Its middle.
static double usec_of(int bucket) {
  int shift = bucket >> BITS;
  uint64_t leading = bucket & ((1 << BITS) - 1);
  return (double)(leading << shift) + ((1ull << shift) - 1) / 2.0;
}

static void record(struct histogram *histogram, int64_t usec) {
  uint64_t value = usec < 0 ? 0 : (uint64_t)usec;
  histogram->count++;
  histogram->buckets[bucket_of(value)]++;
  if (value > histogram->max) histogram->max = value;
}

static double percentile_ms(const struct histogram *histogram, double share) {
  uint64_t seen = 0;
  for (int i = 0; i < BUCKETS; i++) {
    seen += histogram->buckets[i];
    if (seen > 0 && seen >= histogram->count * share) return usec_of(i) / 1000;
  }
  return 0;
}

// ---------------------------------------------------------------------------------------------------- state

struct stream {
  int fd;
  int room;
  enum { CONNECTING, HEADERS, OPEN, STALLED, CLOSED } phase;
  // Where the chunked body is (RFC 9112 §7.1).
  enum { RAW, SIZE, SIZE_EXTENSION, DATA, DATA_END } chunk;
  size_t chunk_left;
  // Where the marker is.
  enum { OUTSIDE, FIRST_AT, DIGITS, LAST_AT } marker;
  uint64_t value;
  uint64_t deliveries, sum;
  char *headers; // until they are complete
  size_t header_bytes;
};

struct publisher {
  int fd;
  enum { CONNECTS, IDLE, WAITS, GONE } phase;
  int room;
  int64_t sent_at;
  char cookie[4096]; // "name=value", as the server has set it last
  char headers[HEADER_BYTES];
  size_t header_bytes, body_left;
};

struct room { uint64_t posts, sum; int streams; };

static struct stream *streams;
static struct publisher *publishers;
static struct publisher **idle; // those that may post, the longest idle first: a ring
static struct room *rooms;
static int stream_epoll, publisher_epoll;
static int opened, connecting, idle_first, idle_count, in_flight, dead;
static char first_bad[80];
static uint64_t sent, acknowledged, bad, delivered, expected;
static int64_t since;         // deliveries of earlier posts are not counted
static int64_t last_delivery, last_acknowledgement;
static struct histogram delivery_times, ack_times;

static void forget_counts(void) {
  sent = acknowledged = bad = delivered = expected = 0;
  memset(&delivery_times, 0, sizeof delivery_times);
  memset(&ack_times, 0, sizeof ack_times);
  for (int i = 0; i < option.streams; i++) streams[i].deliveries = streams[i].sum = 0;
  for (int i = 0; i < option.rooms; i++) rooms[i].posts = rooms[i].sum = 0;
}

// ---------------------------------------------------------------------------------------------------- sockets

// Begins to connect. `index` spreads many connections over source addresses.
static int start_connecting(int port, int index, int receive_bytes) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("no socket: %s", strerror(errno));
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (receive_bytes > 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  if (index >= PORTS_PER_ADDRESS) {
    uint32_t address = 0x7f000001 + ((uint32_t)(index / PORTS_PER_ADDRESS) << 8); // 127.0.1.1 and so on
    struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
    setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) < 0) fail("cannot bind a source address: %s", strerror(errno));
  }
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
  if (inet_pton(AF_INET, option.host, &to.sin_addr) != 1) fail("--host wants an IPv4 address, got %s", option.host);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) {
    fail("cannot connect to %s:%d: %s", option.host, port, strerror(errno));
  }
  return fd;
}

static void finish_connecting(int fd, int port) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) fail("cannot connect to %s:%d: %s", option.host, port, strerror(error));
}

static void watch(int epoll, int operation, int fd, uint32_t events, void *whose) {
  struct epoll_event event = { .events = events, .data.ptr = whose };
  if (epoll_ctl(epoll, operation, fd, &event) < 0) fail("epoll: %s", strerror(errno));
}

// A request is small against a socket's buffer: it goes in whole or something is wrong.
static void send_request(int fd, const char *request, size_t length) {
  ssize_t written = send(fd, request, length, MSG_NOSIGNAL);
  if (written >= 0 && (size_t)written < length) fail("a request of %zu bytes did not fit into the socket", length);
}

// Fills {T} and {ROOM} in.
static void fill(char *filled, size_t size, const char *template, int64_t time, int room) {
  size_t at = 0;
  while (*template != '\0') {
    if (at + 24 > size) fail("a request is longer than %zu bytes", size);
    if (strncmp(template, "{T}", 3) == 0) {
      at += (size_t)sprintf(filled + at, "%" PRId64, time);
      template += 3;
    } else if (strncmp(template, "{ROOM}", 6) == 0) {
      at += (size_t)sprintf(filled + at, "%d", room);
      template += 6;
    } else filled[at++] = *template++;
  }
  filled[at] = '\0';
}

// ---------------------------------------------------------------------------------------------------- streams

static void count_delivery(struct stream *stream, int64_t now) {
  if (option.behind == 0 && (int64_t)stream->value < since) return;
  stream->deliveries++;
  stream->sum += stream->value;
  delivered++;
  last_delivery = now;
  record(&delivery_times, now - (int64_t)stream->value);
}

// Finds the markers, which may be split over reads.
static void take_data(struct stream *stream, const char *bytes, size_t length, int64_t now) {
  const char *end = bytes + length;
  while (bytes < end) {
    if (stream->marker == OUTSIDE) {
      bytes = memchr(bytes, '@', (size_t)(end - bytes));
      if (bytes == NULL) return;
      stream->marker = FIRST_AT;
      bytes++;
      continue;
    }
    char byte = *bytes++;
    if (stream->marker == FIRST_AT) {
      stream->marker = byte == '@' ? DIGITS : OUTSIDE;
      stream->value = 0;
    } else if (stream->marker == DIGITS && byte >= '0' && byte <= '9') stream->value = stream->value * 10 + (uint64_t)(byte - '0');
    else if (stream->marker == DIGITS && byte == '@') stream->marker = stream->value > 0 ? LAST_AT : DIGITS;
    else {
      if (stream->marker == LAST_AT && byte == '@') count_delivery(stream, now);
      stream->marker = OUTSIDE;
    }
  }
}

static int hex_digit(char byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  byte |= 0x20;
  return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

// Takes the chunks apart. @returns false when the body has ended
static bool take_body(struct stream *stream, const char *bytes, size_t length, int64_t now) {
  const char *end = bytes + length;
  if (stream->chunk == RAW) take_data(stream, bytes, length, now);
  while (stream->chunk != RAW && bytes < end) {
    if (stream->chunk == DATA) {
      size_t part = stream->chunk_left < (size_t)(end - bytes) ? stream->chunk_left : (size_t)(end - bytes);
      take_data(stream, bytes, part, now);
      bytes += part;
      stream->chunk_left -= part;
      if (stream->chunk_left == 0) stream->chunk = DATA_END;
      continue;
    }
    char byte = *bytes++;
    if (stream->chunk == DATA_END) {
      if (byte == '\n') stream->chunk = SIZE;
    } else if (byte == '\n') {
      if (stream->chunk_left == 0) return false;
      stream->chunk = DATA;
    } else if (stream->chunk == SIZE && hex_digit(byte) >= 0) stream->chunk_left = stream->chunk_left * 16 + (size_t)hex_digit(byte);
    else stream->chunk = SIZE_EXTENSION;
  }
  return true;
}

// @returns how many of the bytes belong to the headers, when these are complete; 0 before
static size_t take_headers(struct stream *stream, const char *bytes, size_t length) {
  size_t before = stream->header_bytes;
  size_t part = length < HEADER_BYTES - 1 - before ? length : HEADER_BYTES - 1 - before;
  if (stream->headers == NULL) stream->headers = malloc(HEADER_BYTES);
  memcpy(stream->headers + before, bytes, part);
  stream->header_bytes += part;
  stream->headers[stream->header_bytes] = '\0';
  char *end = strstr(stream->headers, "\r\n\r\n");
  if (end == NULL) {
    if (stream->header_bytes == HEADER_BYTES - 1) fail("a stream's headers are longer than %d bytes", HEADER_BYTES);
    return 0;
  }
  end[2] = '\0';
  if (strncmp(stream->headers, "HTTP/1.1 200", 12) != 0) fail("a stream was answered %.40s", strtok(stream->headers, "\r"));
  stream->chunk = strcasestr(stream->headers, "\r\ntransfer-encoding: chunked") != NULL ? SIZE : RAW;
  stream->phase = OPEN;
  connecting--;
  opened++;
  size_t taken = (size_t)(end + 4 - stream->headers) - before;
  free(stream->headers);
  stream->headers = NULL;
  return taken;
}

static void begin_stream(int index) {
  struct stream *stream = &streams[index];
  bool stalled = index < option.stalled;
  *stream = (struct stream){ .fd = start_connecting(option.port, index, stalled ? STALLED_RECEIVE_BYTES : 0), .room = index % option.rooms };
  watch(stream_epoll, EPOLL_CTL_ADD, stream->fd, EPOLLOUT, stream);
  connecting++;
}

static void request_stream(struct stream *stream) {
  static char request[REQUEST_BYTES], path[4096];
  finish_connecting(stream->fd, option.port);
  fill(path, sizeof path, option.path, 0, stream->room);
  int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s:%d\r\nAccept: text/event-stream\r\n%s%s%s\r\n",
    path, option.host, option.port,
    option.cursor != NULL ? "Last-Event-ID: " : "", option.cursor != NULL ? option.cursor : "", option.cursor != NULL ? "\r\n" : "");
  send_request(stream->fd, request, (size_t)length);
  stream->phase = HEADERS;
  watch(stream_epoll, EPOLL_CTL_MOD, stream->fd, EPOLLIN, stream);
}

static void lose_stream(struct stream *stream) {
  if (stream->phase != OPEN) fail("a stream was closed by the server while it opened (%d are open)", opened);
  stream->phase = CLOSED;
  dead++;
  watch(stream_epoll, EPOLL_CTL_DEL, stream->fd, 0, NULL);
}

static void on_stream(struct stream *stream) {
  static char buffer[READ_BYTES];
  if (stream->phase == CONNECTING) return request_stream(stream);
  if (stream - streams < option.stalled) { // Its headers are here; it is left alone from now on.
    stream->phase = STALLED;
    connecting--;
    opened++;
    return watch(stream_epoll, EPOLL_CTL_DEL, stream->fd, 0, NULL);
  }
  ssize_t length = read(stream->fd, buffer, sizeof buffer);
  if (length < 0 && errno == EAGAIN) return;
  if (length <= 0) return lose_stream(stream);
  size_t headers = stream->phase == OPEN ? 0 : take_headers(stream, buffer, (size_t)length);
  if (stream->phase == OPEN && !take_body(stream, buffer + headers, (size_t)length - headers, now_usec())) lose_stream(stream);
}

// ---------------------------------------------------------------------------------------------------- publishers

static const char CLOSED_BY_SERVER[] = "the server closed the connection";

static void refuse(const char *what) {
  if (bad++ == 0) snprintf(first_bad, sizeof first_bad, "%s", what);
}

static void put_idle(struct publisher *publisher) {
  publisher->phase = IDLE;
  idle[(idle_first + idle_count++) % option.publishers] = publisher;
}

static struct publisher *take_idle(void) {
  struct publisher *publisher = idle[idle_first];
  idle_first = (idle_first + 1) % option.publishers;
  idle_count--;
  return publisher;
}

static void post(struct publisher *publisher) {
  static char request[REQUEST_BYTES], body[REQUEST_BYTES - 8192], path[1024];
  static int next_room = 0;
  if (publisher->phase == GONE) return refuse(CLOSED_BY_SERVER);
  publisher->room = next_room;
  next_room = (next_room + 1) % option.rooms;
  publisher->sent_at = now_usec();
  fill(path, sizeof path, option.post_path, 0, publisher->room);
  fill(body, sizeof body, option.body, publisher->sent_at, publisher->room);
  bool known = publisher->cookie[0] != '\0';
  int length = snprintf(request, sizeof request,
    "POST %s HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s%s%s\r\n%s",
    path, option.host, option.post_port, strlen(body), known ? "Cookie: " : "", publisher->cookie, known ? "\r\n" : "", body);
  publisher->phase = WAITS;
  publisher->header_bytes = 0;
  in_flight++;
  sent++;
  send_request(publisher->fd, request, (size_t)length);
}

static void finish_post(struct publisher *publisher) {
  struct room *room = &rooms[publisher->room];
  put_idle(publisher);
  in_flight--;
  if (strncmp(publisher->headers, "HTTP/1.1 2", 10) != 0) return refuse(strtok(publisher->headers, "\r"));
  acknowledged++;
  last_acknowledgement = now_usec();
  record(&ack_times, last_acknowledgement - publisher->sent_at);
  room->posts++;
  room->sum += (uint64_t)publisher->sent_at;
  expected += (uint64_t)room->streams;
}

static void keep_cookie(struct publisher *publisher) {
  const char *value = strcasestr(publisher->headers, "\r\nset-cookie: ");
  if (value == NULL) return;
  value += strlen("\r\nset-cookie: ");
  size_t length = strcspn(value, ";\r");
  if (length >= sizeof publisher->cookie) fail("the server's cookie is longer than %zu bytes", sizeof publisher->cookie);
  memcpy(publisher->cookie, value, length);
  publisher->cookie[length] = '\0';
}

static void take_answer(struct publisher *publisher, size_t length) {
  if (publisher->body_left > 0) publisher->body_left -= length < publisher->body_left ? length : publisher->body_left;
  else {
    publisher->header_bytes += length;
    publisher->headers[publisher->header_bytes] = '\0';
    char *end = strstr(publisher->headers, "\r\n\r\n");
    if (end == NULL) {
      if (publisher->header_bytes == HEADER_BYTES - 1) fail("the headers of an answer are longer than %d bytes", HEADER_BYTES);
      return;
    }
    end[2] = '\0';
    keep_cookie(publisher);
    const char *content_length = strcasestr(publisher->headers, "\r\ncontent-length: ");
    if (content_length == NULL && strstr(publisher->headers, " 204 ") == NULL) fail("a post's answer has no content-length");
    size_t body = content_length == NULL ? 0 : strtoul(content_length + strlen("\r\ncontent-length: "), NULL, 10);
    size_t here = publisher->header_bytes - (size_t)(end + 4 - publisher->headers);
    publisher->body_left = body > here ? body - here : 0;
  }
  if (publisher->body_left == 0) finish_post(publisher);
}

static void on_publisher(struct publisher *publisher) {
  static char body[READ_BYTES];
  if (publisher->phase == CONNECTS) {
    finish_connecting(publisher->fd, option.post_port);
    watch(publisher_epoll, EPOLL_CTL_MOD, publisher->fd, EPOLLIN, publisher);
    put_idle(publisher);
    return;
  }
  bool headers = publisher->body_left == 0;
  ssize_t length = headers
    ? read(publisher->fd, publisher->headers + publisher->header_bytes, HEADER_BYTES - 1 - publisher->header_bytes)
    : read(publisher->fd, body, sizeof body);
  if (length < 0 && errno == EAGAIN) return;
  if (length <= 0) {
    watch(publisher_epoll, EPOLL_CTL_DEL, publisher->fd, 0, NULL);
    bool waited = publisher->phase == WAITS;
    publisher->phase = GONE;
    if (!waited) return; // One that has nothing more to post may be sent off.
    in_flight--;
    return refuse(CLOSED_BY_SERVER);
  }
  if (publisher->phase != WAITS) fail("the server answered a post that was not sent");
  take_answer(publisher, (size_t)length);
}

// ---------------------------------------------------------------------------------------------------- the loop

// Handles what is ready: some streams, then the publishers.
static void turn(int timeout_ms) {
  struct epoll_event events[64];
  int ready = epoll_wait(stream_epoll, events, READS_AT_ONCE, timeout_ms);
  for (int i = 0; i < ready; i++) if (events[i].data.ptr != NULL) on_stream(events[i].data.ptr);
  ready = epoll_wait(publisher_epoll, events, 64, 0);
  for (int i = 0; i < ready; i++) on_publisher(events[i].data.ptr);
}

static void turn_for(int64_t usec) {
  for (int64_t end = now_usec() + usec; now_usec() < end;) turn(10);
}

static bool failed(void) {
  return dead > 0 || bad > 0;
}

static void open_streams(void) {
  int64_t end = now_usec() + OPENING_LIMIT;
  int at_once = option.at_once ? option.streams : OPENING_AT_ONCE;
  for (int begun = 0; opened < option.streams;) {
    // Some per turn only, so that those that are answered do not wait for those that are begun.
    for (int i = 0; i < READS_AT_ONCE && begun < option.streams && connecting < at_once; i++) begin_stream(begun++);
    turn(begun < option.streams && connecting < at_once ? 0 : 100);
    if (now_usec() > end) fail("only %d of %d streams opened within %d s", opened, option.streams, (int)(OPENING_LIMIT / SECOND));
  }
}

static void connect_publishers(void) {
  for (int i = 0; i < option.publishers; i++) {
    publishers[i].fd = start_connecting(option.post_port, 0, 0);
    watch(publisher_epoll, EPOLL_CTL_ADD, publishers[i].fd, EPOLLOUT, &publishers[i]);
  }
  int64_t end = end_of_patience();
  while (idle_count < option.publishers) {
    turn(100);
    if (now_usec() > end) fail("only %d of %d publishers could connect", idle_count, option.publishers);
  }
}

// What a stream should have had.
static struct room due(const struct stream *stream) {
  return stream - streams < option.stalled ? (struct room){ 0 } : rooms[stream->room];
}

static bool everything_arrived(void) {
  if (in_flight > 0 || delivered < expected) return false;
  for (int i = 0; i < option.streams; i++) if (streams[i].deliveries < due(&streams[i]).posts) return false;
  return true;
}

static uint64_t lost, doubled;

// By count, and by sum: one that came twice cannot stand for one that did not come.
static void compare(struct room want, const struct stream *stream) {
  if (stream->deliveries < want.posts) lost += want.posts - stream->deliveries;
  else if (stream->deliveries > want.posts) doubled += stream->deliveries - want.posts;
  else if (stream->sum != want.sum) lost++, doubled++;
}

static void compare_all(void) {
  for (int i = 0; i < option.streams; i++) compare(due(&streams[i]), &streams[i]);
}

// Ends where something was closed, refused, lost or doubled.
static void require_all(const char *when) {
  if (dead > 0) fail("%d of %d streams were closed by the server%s", dead, option.streams, when);
  if (bad > 0) fail("%" PRIu64 " posts were not acknowledged%s, the first: %s", bad, when, first_bad);
  if (lost > 0 || doubled > 0) fail("%" PRIu64 " deliveries lost, %" PRIu64 " doubled%s", lost, doubled, when);
}

static void wait_for_the_rest(void) {
  int64_t end = end_of_patience();
  while (!everything_arrived() && !failed() && now_usec() < end) turn(100);
  if (in_flight > 0 && !failed()) refuse("no answer");
}

// Posts at the rate; without one, as soon as there is an answer.
static void post_for(double seconds) {
  int64_t began = now_usec(), end = began + (int64_t)(seconds * SECOND);
  uint64_t before = sent;
  for (int64_t now = began; now < end && !failed(); now = now_usec()) {
    int timeout_ms = 100;
    if (option.rate > 0) {
      while (idle_count > 0 && sent - before <= (now - began) * option.rate / SECOND) post(take_idle());
      timeout_ms = (int)((began + (sent - before) / option.rate * SECOND - now) / 1000);
    } else while (idle_count > 0) post(take_idle());
    if (timeout_ms > (end - now) / 1000) timeout_ms = (int)((end - now) / 1000);
    turn(timeout_ms > 0 ? timeout_ms : 0);
  }
  wait_for_the_rest();
}

// Nothing of it is measured. Each publisher gets its session by a first post.
static void warm_up(void) {
  since = now_usec();
  while (idle_count > 0) post(take_idle());
  post_for(option.warm_up);
  if (!failed()) turn_for(LINGER);
  compare_all();
  require_all(" while warming up");
  forget_counts();
}

static bool all_caught_up(int count) {
  for (int i = 0; i < count; i++) if (streams[i].deliveries < (uint64_t)option.behind) return false;
  return true;
}

static void wait_for_catch_up(int count) {
  uint64_t all = delivered + (uint64_t)(count * option.behind);
  for (int i = 0; i < count; i++) all -= streams[i].deliveries;
  int64_t end = end_of_patience();
  while ((delivered < all || !all_caught_up(count)) && !failed() && now_usec() < end) turn(100);
}

// ---------------------------------------------------------------------------------------------------- the outcome

static void print_times(const char *name, const struct histogram *times) {
  printf(",\"%s\":{\"count\":%" PRIu64 ",\"p50\":%.3f,\"p99\":%.3f,\"p999\":%.3f,\"max\":%.3f}", name, times->count,
    percentile_ms(times, .5), percentile_ms(times, .99), percentile_ms(times, .999), times->max / 1000.0);
}

static int finish(void) {
  printf(",\"lost\":%" PRIu64 ",\"doubled\":%" PRIu64 ",\"bad\":%" PRIu64 ",\"dead\":%d}\n", lost, doubled, bad, dead);
  fflush(stdout);
  require_all("");
  return 0;
}

// Streams are opened, then posts are made.
static int run_load(void) {
  struct memory before = server_memory();
  int64_t began = now_usec();
  open_streams();
  double open_seconds = (now_usec() - began) / 1e6;
  turn_for(option.settle_ms * 1000LL);
  struct memory idling = server_memory();
  for (int i = option.stalled; i < option.streams; i++) rooms[streams[i].room].streams++;
  printf("{\"streams\":%d,\"openSeconds\":%.3f", option.streams, open_seconds);
  if (option.streams > 0) {
    printf(",\"kbPerStream\":{\"rss\":%.2f,\"anon\":%.2f}",
      (double)(idling.rss - before.rss) / option.streams, (double)(idling.anon - before.anon) / option.streams);
  }
  if (option.publishers > 0) {
    connect_publishers();
    warm_up();
    double server_cpu_before = server_cpu_seconds(), own_cpu_before = own_cpu_seconds();
    since = last_delivery = last_acknowledgement = now_usec();
    post_for(option.seconds);
    // A server that failed may be gone.
    double server_cpu = failed() ? 0 : server_cpu_seconds() - server_cpu_before, own_cpu = own_cpu_seconds() - own_cpu_before;
    double posting = (last_acknowledgement - since) / 1e6;
    double seconds = option.streams > option.stalled ? (last_delivery - since) / 1e6 : posting;
    if (!failed()) turn_for(LINGER);
    printf(",\"posts\":{\"sent\":%" PRIu64 ",\"acknowledged\":%" PRIu64 ",\"perSecond\":%.1f}",
      sent, acknowledged, posting > 0 ? acknowledged / posting : 0);
    printf(",\"deliveries\":%" PRIu64 ",\"expected\":%" PRIu64 ",\"seconds\":%.3f,\"deliveriesPerSecond\":%.0f",
      delivered, expected, seconds, seconds > 0 ? delivered / seconds : 0);
    print_times("deliveryMs", &delivery_times);
    print_times("ackMs", &ack_times);
    printf(",\"serverCpuSeconds\":%.4f,\"generatorCpuSeconds\":%.4f", server_cpu, own_cpu);
    compare_all();
  }
  if (!failed()) {
    struct memory after = server_memory();
    printf(",\"serverKb\":{\"rss\":%ld,\"anon\":%ld}", after.rss, after.anon);
  }
  return finish();
}

// All streams come back at once, each behind by as many events.
static int run_reconnect(void) {
  int64_t began = now_usec();
  open_streams();
  double open_seconds = (now_usec() - began) / 1e6;
  wait_for_catch_up(option.streams);
  turn_for(LINGER);
  // They all miss the same.
  for (int i = 0; i < option.streams; i++) compare((struct room){ .posts = (uint64_t)option.behind, .sum = streams[0].sum }, &streams[i]);
  printf("{\"streams\":%d,\"openSeconds\":%.3f,\"deliveries\":%" PRIu64 ",\"caughtUpSeconds\":%.3f", option.streams, open_seconds,
    delivered, (last_delivery - began) / 1e6);
  int code = finish();
  fflush(stdout);
  for (char byte; option.hold && read(STDIN_FILENO, &byte, 1) > 0;);
  return code;
}

// One stream after the other comes back.
static int run_resume(void) {
  static struct histogram catch_up_times;
  uint64_t first_sum = 0;
  option.streams = 1;
  for (int i = 0; i < option.one_by_one && !failed(); i++) {
    int64_t began = now_usec();
    opened = 0;
    open_streams();
    wait_for_catch_up(1);
    record(&catch_up_times, last_delivery - began);
    if (i == 0) first_sum = streams[0].sum;
    compare((struct room){ .posts = (uint64_t)option.behind, .sum = first_sum }, &streams[0]);
    close(streams[0].fd);
  }
  printf("{\"streams\":%d,\"deliveries\":%" PRIu64, option.one_by_one, delivered);
  print_times("caughtUpMs", &catch_up_times);
  return finish();
}

static void raise_file_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  rlim_t wanted = (rlim_t)option.streams + (rlim_t)option.publishers + 16;
  if (wanted > limit.rlim_max) fail("%" PRIu64 " open files are needed, the limit is %" PRIu64 " (ulimit -Hn)", wanted, limit.rlim_max);
}

int main(int count, char **arguments) {
  read_options(count, arguments);
  raise_file_limit();
  streams = calloc((size_t)option.streams + 1, sizeof *streams);
  publishers = calloc((size_t)option.publishers + 1, sizeof *publishers);
  idle = calloc((size_t)option.publishers + 1, sizeof *idle);
  rooms = calloc((size_t)option.rooms, sizeof *rooms);
  stream_epoll = epoll_create1(EPOLL_CLOEXEC);
  publisher_epoll = epoll_create1(EPOLL_CLOEXEC);
  watch(stream_epoll, EPOLL_CTL_ADD, publisher_epoll, EPOLLIN, NULL); // Its wait ends for publishers too.
  if (option.one_by_one > 0) return run_resume();
  return option.behind > 0 ? run_reconnect() : run_load();
}
