/*
 * The paths that send(2) with MSG_ZEROCOPY: read-zerocopy, mmap-zerocopy, and send-zerocopy from memory.
 *
 * The kernel numbers the sends of a socket and tells on its error queue with which it is done. Each send belongs to a slot,
 * which is used again when none of its sends is under way.
 */
#include "cloop.h"

#include <err.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif
#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif

enum { ring_bytes = 4 << 20, fewest_slots = 2, most_slots = 64, under_way_most = 1024, no_slot = -1 };

static int slots, turn;
static int owner[under_way_most]; /* the slot of a send, by the low bits of its number */
static int pending[most_slots];   /* sends under way, by slot */
static uint32_t next;             /* the number of the next send */

static void zerocopy_open(void)
{
	int on = 1;

	slots = ring_bytes / ends.chunk;
	if (slots < fewest_slots)
		slots = fewest_slots;
	if (slots > most_slots)
		slots = most_slots;
	for (int i = 0; i < under_way_most; i++)
		owner[i] = no_slot;
	if (setsockopt(ends.out, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)))
		err(1, "setsockopt SO_ZEROCOPY");
}

static void done(const struct sock_extended_err *what)
{
	for (uint32_t n = what->ee_info; n != what->ee_data + 1; n++) {
		int *at = &owner[n % under_way_most];

		if (*at == no_slot)
			errx(1, "recvmsg: notified of send %u, which is not under way", n);
		pending[*at]--;
		*at = no_slot;
	}
}

/* fetch takes a notification off the error queue, and waits where there is none. */
static void fetch(void)
{
	_Alignas(struct cmsghdr) char control[128];
	struct msghdr m = { .msg_control = control, .msg_controllen = sizeof(control) };

	while (recvmsg(ends.out, &m, MSG_ERRQUEUE) < 0) {
		struct pollfd p = { .fd = ends.out };

		if (errno == EAGAIN && ppoll(&p, 1, NULL, NULL) < 0 && errno != EINTR)
			err(1, "ppoll");
		else if (errno != EAGAIN && errno != EINTR)
			err(1, "recvmsg");
		m = (struct msghdr){ .msg_control = control, .msg_controllen = sizeof(control) };
	}
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		struct sock_extended_err *what = (struct sock_extended_err *)CMSG_DATA(c);

		if (c->cmsg_level == SOL_IP && c->cmsg_type == IP_RECVERR && what->ee_origin == SO_EE_ORIGIN_ZEROCOPY)
			done(what);
	}
}

/* slot is the one whose turn it is, once the kernel is done with it. */
static int slot(void)
{
	int mine = turn;

	while (pending[mine] > 0)
		fetch();
	if (++turn == slots)
		turn = 0;
	return mine;
}

static void zerocopy_send(int from, const char *b, size_t n)
{
	while (n > 0) {
		int *at = &owner[next % under_way_most];
		ssize_t k;

		if (*at != no_slot) {
			fetch();
			continue;
		}
		k = send(ends.out, b, n, MSG_ZEROCOPY);
		if (k > 0) {
			*at = from;
			pending[from]++;
			next++;
			b += k;
			n -= k;
		} else if (k < 0 && errno == ENOBUFS) {
			fetch();
		} else if (k < 0 && errno != EINTR) {
			err(1, "send");
		}
	}
}

static char *ring[most_slots];

/* The first slot is the path's buffer, and the others are made together. */
static void ring_open(void)
{
	char *others;

	zerocopy_open();
	others = buffer((slots - 1) * whole(ends.chunk));
	ring[0] = ends.buffer;
	for (int i = 1; i < slots; i++)
		ring[i] = others + (i - 1) * whole(ends.chunk);
}

static void read_zerocopy(off_t at, size_t n)
{
	int mine = slot();

	fill(ends.in, at, ring[mine], n);
	zerocopy_send(mine, ring[mine], n);
}

static char *mapping;

static void mmap_open(void)
{
	zerocopy_open();
	mapping = mmap(NULL, ends.size, PROT_READ, MAP_SHARED, ends.in, 0);
	if (mapping == MAP_FAILED)
		err(1, "mmap the file");
}

static void mmap_zerocopy(off_t at, size_t n)
{
	zerocopy_send(slot(), mapping + at, n);
}

static void memory_open(void)
{
	open_memory();
	ring_open();
}

static void send_zerocopy(off_t at, size_t n)
{
	int mine = slot();

	gather(at, n, ring[mine]);
	zerocopy_send(mine, ring[mine], n);
}

const struct path zerocopy_paths[] = {
	{ "read-zerocopy", ring_open, read_zerocopy, NULL },
	{ "mmap-zerocopy", mmap_open, mmap_zerocopy, NULL },
	{ "memory/send-zerocopy", memory_open, send_zerocopy, NULL },
	{ 0 },
};
