/*
 * The paths in plain C: what those in Go are compared with. Each makes the same system calls with the same sizes and flags
 * in the same order, and has the same buffers and queues.
 *
 *	cloop receive CPU
 *		prints a port of 127.0.0.1, accepts one connection, drops what comes until the sender shuts down, and answers
 *		with one byte.
 *	cloop send PATH plain|timed FILE CHUNK BYTES CPU PORT
 *		sends BYTES of FILE there, over and over, CHUNK at a time, and prints the time until the answer and the
 *		processor time of the sender, both in nanoseconds, as JSON. "timed" reads the clock once for each chunk and
 *		counts its latency in a histogram, "plain" does neither.
 */
#include "cloop.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct ends ends;

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "sched_setaffinity to CPU %d", cpu);
}

size_t whole(size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return (size + page - 1) / page * page;
}

char *buffer(size_t size)
{
	size_t page = sysconf(_SC_PAGESIZE);
	char *b = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (b == MAP_FAILED)
		err(1, "mmap");
	for (size_t i = 0; i < size; i += page)
		((volatile char *)b)[i] = 0;
	return b;
}

static long long wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long processor(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000LL + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000LL;
}

static void receive(void)
{
	enum { size = 256 << 10 };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	char *b = buffer(size);
	int l = socket(AF_INET, SOCK_STREAM, 0), s;
	ssize_t n;

	if (l < 0 || bind(l, (struct sockaddr *)&address, length) || listen(l, 1) ||
	    getsockname(l, (struct sockaddr *)&address, &length))
		err(1, "listen");
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	s = accept(l, NULL, NULL);
	if (s < 0)
		err(1, "accept");
	while ((n = recv(s, b, size, MSG_TRUNC)) > 0)
		;
	if (n < 0)
		err(1, "recv");
	if (write(s, "!", 1) != 1)
		err(1, "write");
}

/* count finds a latency's bucket: 2048 linear ones for each power of two, which keeps three significant digits. */
static void count(long long *histogram, long long ns)
{
	int shift = 53 - __builtin_clzll(ns | 1);

	if (shift < 0)
		shift = 0;
	histogram[shift * 2048 + (ns >> shift)]++;
}

/* mark is for a tracer: it begins (1) or ends (2) the span that it looks at. */
static void mark(int which)
{
	syscall(SYS_getppid, 0x636f7079, which, 0);
}

static void transmit(const struct path *path, int timed, long long bytes, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port) };
	long long *histogram = (long long *)buffer(64 * 2048 * sizeof(long long)), last, now, began, used;
	struct stat st;
	off_t at = 0;
	ssize_t n;
	char answer;

	ends.in = open(ends.file, O_RDONLY);
	ends.out = socket(AF_INET, SOCK_STREAM, 0);
	if (ends.in < 0 || fstat(ends.in, &st))
		err(1, "open %s", ends.file);
	if (ends.out < 0 || connect(ends.out, (struct sockaddr *)&address, sizeof(address)))
		err(1, "connect");
	ends.size = st.st_size;
	ends.buffer = buffer(ends.chunk);
	if (path->open)
		path->open();
	mark(1);
	used = processor();
	began = last = wall();
	for (long long left = bytes; left > 0;) {
		n = ends.chunk;
		if (n > left)
			n = left;
		if (n > ends.size - at)
			n = ends.size - at;
		path->move(at, n);
		if (timed) {
			now = wall();
			count(histogram, now - last);
			last = now;
		}
		left -= n;
		at += n;
		if (at == ends.size)
			at = 0;
	}
	if (path->flush)
		path->flush();
	if (shutdown(ends.out, SHUT_WR))
		err(1, "shutdown");
	while ((n = read(ends.out, &answer, 1)) < 0 && errno == EAGAIN) /* of a socket that does not block */
		ppoll(&(struct pollfd){ .fd = ends.out, .events = POLLIN }, 1, NULL, NULL);
	if (n != 1)
		err(1, "wait for the answer");
	now = wall();
	used = processor() - used;
	mark(2);
	printf("{\"ElapsedNS\":%lld,\"ProcessNS\":%lld}\n", now - began, used);
}

static const struct path *find(const char *name)
{
	const struct path *const all[] = { file_paths, memory_paths, poller_paths, uring_paths, zerocopy_paths };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		for (const struct path *p = all[i]; p->name; p++)
			if (strcmp(p->name, name) == 0)
				return p;
	errx(2, "there is no path %s", name);
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "receive") == 0) {
		pin(atoi(argv[2]));
		receive();
		return 0;
	}
	if (argc == 9 && strcmp(argv[1], "send") == 0) {
		pin(atoi(argv[7]));
		ends.file = argv[4];
		ends.chunk = atoll(argv[5]);
		transmit(find(argv[2]), strcmp(argv[3], "timed") == 0, atoll(argv[6]), atoi(argv[8]));
		return 0;
	}
	errx(2, "usage: cloop receive CPU | cloop send PATH plain|timed FILE CHUNK BYTES CPU PORT");
}
