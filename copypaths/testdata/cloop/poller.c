/*
 * What the Go library makes of io.Copy and io.CopyBuffer, with its poller and without its scheduler: calls on a socket that
 * does not block, and epoll_wait(2) where it is full. The socket is watched once, for every event, and each is told once.
 */
#include "cloop.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

static int poller;

static void poller_open(void)
{
	struct epoll_event all = { .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET };
	int on = 1;

	/* The Go library sets these for every TCP connection. */
	if (setsockopt(ends.out, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) || setsockopt(ends.out, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)))
		err(1, "setsockopt");
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (poller < 0 || fcntl(ends.out, F_SETFL, O_NONBLOCK) || epoll_ctl(poller, EPOLL_CTL_ADD, ends.out, &all))
		err(1, "epoll");
}

/* await waits until the socket takes bytes again, after a call that failed because it did not. */
static void await(const char *call)
{
	struct epoll_event events[128];

	if (errno == EINTR)
		return;
	if (errno != EAGAIN)
		err(1, "%s", call);
	for (;;) {
		int n = epoll_wait(poller, events, sizeof(events) / sizeof(*events), -1);

		if (n < 0 && errno != EINTR)
			err(1, "epoll_wait");
		if (n > 0 && events[0].events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
			return;
	}
}

static off_t stands; /* where the file does */

static void seek(off_t at, size_t n)
{
	if (at != stands && lseek(ends.in, at, SEEK_SET) < 0)
		err(1, "lseek");
	stands = at + n;
}

static void io_copy(off_t at, size_t n)
{
	seek(at, n);
	while (n > 0) {
		ssize_t k = sendfile(ends.out, ends.in, NULL, n);

		if (k == 0)
			errx(1, "sendfile: the file ended");
		if (k < 0)
			await("sendfile");
		else
			n -= k;
	}
}

static void copy_buffer(off_t at, size_t n)
{
	seek(at, n);
	while (n > 0) {
		ssize_t got = read(ends.in, ends.buffer, n);

		if (got == 0)
			errx(1, "read: the file ended");
		if (got < 0 && errno != EINTR)
			err(1, "read");
		for (ssize_t put = 0; put < got;) {
			ssize_t k = write(ends.out, ends.buffer + put, got - put);

			if (k < 0)
				await("write");
			else
				put += k;
		}
		if (got > 0)
			n -= got;
	}
}

const struct path poller_paths[] = {
	{ "go-io-copy", poller_open, io_copy, NULL },
	{ "go-copy-buffer", poller_open, copy_buffer, NULL },
	{ 0 },
};
