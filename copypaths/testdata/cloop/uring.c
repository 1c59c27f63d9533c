/*
 * The paths by io_uring, without a library: uring-read-send, uring-send-zc and uring-splice, and from memory uring-send and
 * uring-send-zc. Several chunks are one chain of linked operations, which one io_uring_enter(2) hands to the kernel and waits for.
 */
#include "cloop.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef IORING_SEND_ZC_REPORT_USAGE /* Linux 6.2 */
#define IORING_SEND_ZC_REPORT_USAGE (1U << 3)
#endif

/* The ring. */

static int ring;
static _Atomic unsigned *sq_head, *sq_tail, *cq_head, *cq_tail;
static unsigned sq_entries, cq_entries;
static struct io_uring_sqe *sqes, *last;
static struct io_uring_cqe *cqes;
static unsigned tail, head;  /* of what was added, and of what was read */
static unsigned under_way;   /* operations whose last completion has not been read */
static char *memory;         /* of all registered buffers */
static size_t memory_each;

static void *map(size_t size, off_t what)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, what);

	if (p == MAP_FAILED)
		err(1, "mmap io_uring");
	return p;
}

static void setup(unsigned operations)
{
	struct io_uring_params p = {
		.flags = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN,
		.cq_entries = 2 * operations,
	};
	unsigned *array;
	char *rings;
	size_t sq, cq;

	ring = syscall(SYS_io_uring_setup, operations, &p);
	if (ring < 0)
		err(1, "io_uring_setup");
	sq = p.sq_off.array + p.sq_entries * sizeof(unsigned);
	cq = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	rings = map(sq > cq ? sq : cq, IORING_OFF_SQ_RING);
	sqes = map(p.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	cqes = (struct io_uring_cqe *)(rings + p.cq_off.cqes);
	sq_head = (_Atomic unsigned *)(rings + p.sq_off.head);
	sq_tail = (_Atomic unsigned *)(rings + p.sq_off.tail);
	cq_head = (_Atomic unsigned *)(rings + p.cq_off.head);
	cq_tail = (_Atomic unsigned *)(rings + p.cq_off.tail);
	sq_entries = p.sq_entries;
	cq_entries = p.cq_entries;
	array = (unsigned *)(rings + p.sq_off.array);
	for (unsigned i = 0; i < sq_entries; i++)
		array[i] = i;
}

static void enroll(unsigned what, const void *arg, unsigned n)
{
	if (syscall(SYS_io_uring_register, ring, what, arg, n) < 0)
		err(1, "io_uring_register %u", what);
}

static void enroll_buffers(unsigned n)
{
	struct iovec vectors[64];

	memory_each = whole(ends.chunk);
	memory = buffer(n * memory_each);
	for (unsigned i = 0; i < n; i++)
		vectors[i] = (struct iovec){ memory + i * memory_each, memory_each };
	enroll(IORING_REGISTER_BUFFERS, vectors, n);
}

/* room is how many operations can be added: each takes a place in both queues until it is completed. */
static unsigned room(void)
{
	unsigned sq = sq_entries - (tail - atomic_load_explicit(sq_head, memory_order_acquire)), cq = cq_entries / 2 - under_way;

	return sq < cq ? sq : cq;
}

static struct io_uring_sqe *add(uint8_t opcode, uint64_t data)
{
	last = &sqes[tail++ & (sq_entries - 1)];
	memset(last, 0, sizeof(*last));
	last->opcode = opcode;
	last->user_data = data;
	under_way++;
	return last;
}

/* submit hands over what was added and waits until wait completions can be read. */
static void submit(unsigned wait)
{
	atomic_store_explicit(sq_tail, tail, memory_order_release);
	for (;;) {
		unsigned todo = tail - atomic_load_explicit(sq_head, memory_order_acquire);
		unsigned ready = atomic_load_explicit(cq_tail, memory_order_acquire) - head;

		if (todo == 0 && ready >= wait)
			return;
		if (syscall(SYS_io_uring_enter, ring, todo, wait, wait ? IORING_ENTER_GETEVENTS : 0, NULL, 0) < 0 && errno != EINTR)
			err(1, "io_uring_enter");
	}
}

/* The chain. */

enum { depth_most = 8, step_bits = 8, buffer_bits = 8, buffers_bytes = 2 << 20, buffers_most = 64 };
enum { file_index, pipe_out_index, pipe_in_index };

struct step {
	uint8_t opcode;
	int in; /* a splice: into the pipe */
	int buffer;
	off_t off;
	unsigned n, done;
};

static struct step steps[2 * depth_most];
static int results[2 * depth_most];
static unsigned count, chunks, depth;
static uint64_t serial;

static int holders[buffers_most]; /* notifications to come, and 1 while a chunk is being moved through a buffer */
static int unused[buffers_most];  /* buffers without a holder; the last is taken first */
static unsigned unused_count;

static void release(int b)
{
	if (--holders[b] == 0)
		unused[unused_count++] = b;
}

/* reap reads all completions, and returns how many were steps' answers. */
static unsigned reap(void)
{
	unsigned answers = 0;

	while (head != atomic_load_explicit(cq_tail, memory_order_acquire)) {
		struct io_uring_cqe c = cqes[head & (cq_entries - 1)];
		int b = c.user_data >> step_bits & ((1 << buffer_bits) - 1);

		atomic_store_explicit(cq_head, ++head, memory_order_release);
		if (c.flags & IORING_CQE_F_NOTIF) {
			under_way--;
			release(b);
			continue;
		}
		if (c.flags & IORING_CQE_F_MORE)
			holders[b]++;
		else
			under_way--;
		results[c.user_data & ((1 << step_bits) - 1)] = c.res;
		answers++;
	}
	return answers;
}

static int take(void)
{
	int b;

	while (unused_count == 0) {
		submit(1);
		reap();
	}
	b = unused[--unused_count];
	holders[b] = 1;
	return b;
}

/* begin keeps the kernel's worker threads on this thread's CPU, before the first operation. */
static void begin(void)
{
	static int begun;
	cpu_set_t set;

	if (begun++)
		return;
	add(IORING_OP_NOP, 0);
	submit(1);
	reap();
	if (sched_getaffinity(0, sizeof(set), &set))
		err(1, "sched_getaffinity");
	enroll(IORING_REGISTER_IOWQ_AFF, &set, sizeof(set));
}

static void add_step(unsigned i)
{
	struct step *s = &steps[i];
	char *at = memory + s->buffer * memory_each + s->done;
	struct io_uring_sqe *e = add(s->opcode, (++serial << buffer_bits | (unsigned)s->buffer) << step_bits | i);

	e->len = s->n - s->done;
	switch (s->opcode) {
	case IORING_OP_READ_FIXED:
		e->flags = IOSQE_FIXED_FILE;
		e->fd = file_index;
		e->off = s->off + s->done;
		e->addr = (uintptr_t)at;
		e->buf_index = s->buffer;
		break;
	case IORING_OP_SEND_ZC:
		e->ioprio = IORING_RECVSEND_FIXED_BUF | IORING_SEND_ZC_REPORT_USAGE;
		e->buf_index = s->buffer;
		/* fall through */
	case IORING_OP_SEND:
		e->fd = ends.out;
		e->addr = (uintptr_t)at;
		e->msg_flags = MSG_WAITALL; /* the kernel goes on with a short send, or breaks the link */
		break;
	case IORING_OP_SPLICE:
		e->splice_flags = SPLICE_F_FD_IN_FIXED;
		e->off = -1;
		if (s->in) {
			e->flags = IOSQE_FIXED_FILE;
			e->fd = pipe_in_index;
			e->splice_fd_in = file_index;
			e->splice_off_in = s->off;
		} else {
			e->fd = ends.out;
			e->splice_fd_in = pipe_out_index;
			e->splice_off_in = -1;
		}
		break;
	}
}

/* try runs the steps from first on as one chain, and returns the one from which to go on. */
static unsigned try(unsigned first)
{
	while (room() < count - first) {
		submit(1);
		reap();
	}
	for (unsigned i = first; i < count; i++) {
		add_step(i);
		if (i < count - 1)
			last->flags |= IOSQE_IO_LINK;
	}
	for (unsigned left = count - first; left > 0; left -= reap())
		submit(left);
	for (unsigned i = first; i < count; i++) {
		struct step *s = &steps[i];
		int k = results[i];

		if (k == -EINTR)
			return i;
		if (k <= 0)
			errx(1, "io_uring operation %d of %u bytes: %s", s->opcode, s->n, k ? strerror(-k) : "nothing done");
		s->done += k;
		if (s->done == s->n)
			continue;
		if (s->in)
			errx(1, "splice into the pipe: %d of %u bytes: the file is not in memory, or the chunk too large", k, s->n);
		return i;
	}
	return count;
}

static void flush(void)
{
	for (unsigned first = 0; first < count;)
		first = try(first);
	for (unsigned i = 0; i < count; i++)
		if (steps[i].opcode == IORING_OP_SEND_ZC)
			release(steps[i].buffer);
	count = chunks = 0;
}

static void step(uint8_t opcode, int in, int b, off_t at, size_t n)
{
	steps[count++] = (struct step){ .opcode = opcode, .in = in, .buffer = b, .off = at, .n = n };
}

static void ended(void)
{
	if (++chunks == depth)
		flush();
}

static unsigned buffers_for(size_t chunk)
{
	size_t n = buffers_bytes / chunk;

	return n < 1 ? 1 : n > buffers_most ? buffers_most : n;
}

/* The paths. */

static void read_send_open(void)
{
	depth = depth_most;
	setup(2 * depth);
	enroll_buffers(1);
	enroll(IORING_REGISTER_FILES, &ends.in, 1);
}

static void read_send(off_t at, size_t n)
{
	begin();
	step(IORING_OP_READ_FIXED, 0, 0, at, n);
	step(IORING_OP_SEND, 0, 0, at, n);
	ended();
}

/* Half of the buffers at most are in a chain, so that there are others to be filled while those are under way. */
static void zerocopy_open(unsigned operations)
{
	unsigned n = buffers_for(ends.chunk);

	depth = n / 2 < 1 ? 1 : n / 2 > depth_most ? depth_most : n / 2;
	setup(operations * depth + 2 * n);
	enroll_buffers(n);
	while (unused_count < n) {
		unused[unused_count] = n - 1 - unused_count;
		unused_count++;
	}
}

static void send_zc_open(void)
{
	zerocopy_open(2);
	enroll(IORING_REGISTER_FILES, &ends.in, 1);
}

static void send_zc(off_t at, size_t n)
{
	int b;

	begin();
	b = take();
	step(IORING_OP_READ_FIXED, 0, b, at, n);
	step(IORING_OP_SEND_ZC, 0, b, at, n);
	ended();
}

static void splice_open(void)
{
	int fds[3];

	depth = depth_most;
	setup(2 * depth);
	fds[file_index] = ends.in;
	pipe_for(ends.chunk, &fds[pipe_in_index], &fds[pipe_out_index]);
	enroll(IORING_REGISTER_FILES, fds, 3);
}

static void splice_move(off_t at, size_t n)
{
	begin();
	step(IORING_OP_SPLICE, 1, 0, at, n);
	step(IORING_OP_SPLICE, 0, 0, at, n);
	ended();
}

static void memory_send_open(void)
{
	unsigned n = buffers_for(ends.chunk);

	open_memory();
	depth = n < depth_most ? n : depth_most;
	setup(depth);
	enroll_buffers(depth);
}

static void memory_send(off_t at, size_t n)
{
	begin();
	gather(at, n, memory + count * memory_each);
	step(IORING_OP_SEND, 0, count, at, n);
	ended();
}

static void memory_send_zc_open(void)
{
	open_memory();
	zerocopy_open(1);
}

static void memory_send_zc(off_t at, size_t n)
{
	int b;

	begin();
	b = take();
	gather(at, n, memory + b * memory_each);
	step(IORING_OP_SEND_ZC, 0, b, at, n);
	ended();
}

const struct path uring_paths[] = {
	{ "uring-read-send", read_send_open, read_send, flush },
	{ "uring-send-zc", send_zc_open, send_zc, flush },
	{ "uring-splice", splice_open, splice_move, flush },
	{ "memory/uring-send", memory_send_open, memory_send, flush },
	{ "memory/uring-send-zc", memory_send_zc_open, memory_send_zc, flush },
	{ 0 },
};
