/* The paths from memory that block in each call: send, sendmsg. And the memory that they and others send from. */
#include "cloop.h"

#include <err.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * A message is whole nowhere: it has several fields, which differ by a byte at most, and field i of all messages is in area
 * i. Each area begins an eighth of a page farther into its page than the one before it, so that the fields of a message do
 * not meet in the same places of the processor's cache.
 */
enum { fields = 8 };
static size_t starts[fields + 1]; /* where in a message its fields begin, and the last one ends */
static char *areas[fields];

static size_t width(int i)
{
	return starts[i + 1] - starts[i];
}

/* within is how many bytes of field i are among the first n of a message. */
static size_t within(int i, size_t n)
{
	if (n <= starts[i])
		return 0;
	return n - starts[i] < width(i) ? n - starts[i] : width(i);
}

void open_memory(void)
{
	size_t messages = ends.size / ends.chunk, rest = ends.size % ends.chunk, page = sysconf(_SC_PAGESIZE), at[fields + 1] = { 0 };
	char *all;

	for (int i = 0; i <= fields; i++)
		starts[i] = ends.chunk / fields * i + ends.chunk % fields * i / fields;
	for (int i = 0; i < fields; i++)
		at[i + 1] = whole(at[i] + messages * width(i) + within(i, rest)) + (i + 1) * page / fields;
	all = buffer(at[fields]);
	for (int i = 0; i < fields; i++)
		areas[i] = all + at[i];
	for (off_t off = 0; off < ends.size; off += ends.chunk) {
		size_t n = ends.size - off < (off_t)ends.chunk ? (size_t)(ends.size - off) : ends.chunk;

		fill(ends.in, off, ends.buffer, n);
		for (int i = 0; i < fields; i++)
			memcpy(areas[i] + off / ends.chunk * width(i), ends.buffer + starts[i], within(i, n));
	}
}

void gather(off_t at, size_t n, char *into)
{
	size_t message = at / ends.chunk;

	for (int i = 0; i < fields; i++) {
		size_t k = within(i, n);

		memcpy(into, areas[i] + message * width(i), k);
		into += k;
	}
}

static void send_move(off_t at, size_t n)
{
	const char *b = ends.buffer;

	gather(at, n, ends.buffer);
	while (n > 0) {
		ssize_t k = send(ends.out, b, n, 0);

		if (k < 0 && errno != EINTR)
			err(1, "send");
		if (k > 0) {
			b += k;
			n -= k;
		}
	}
}

static void sendmsg_move(off_t at, size_t n)
{
	size_t message = at / ends.chunk;
	struct iovec vectors[fields];
	struct msghdr header = { .msg_iov = vectors };

	for (int i = 0; i < fields; i++)
		if (within(i, n) > 0)
			vectors[header.msg_iovlen++] = (struct iovec){ areas[i] + message * width(i), within(i, n) };
	while (n > 0) {
		ssize_t k = sendmsg(ends.out, &header, 0);

		if (k < 0 && errno != EINTR)
			err(1, "sendmsg");
		if (k < 0)
			continue;
		n -= k;
		for (; n > 0 && (size_t)k >= header.msg_iov->iov_len; header.msg_iov++, header.msg_iovlen--)
			k -= header.msg_iov->iov_len;
		if (n > 0) {
			header.msg_iov->iov_base = (char *)header.msg_iov->iov_base + k;
			header.msg_iov->iov_len -= k;
		}
	}
}

const struct path memory_paths[] = {
	{ "memory/send", open_memory, send_move, NULL },
	{ "memory/sendmsg", open_memory, sendmsg_move, NULL },
	{ 0 },
};
