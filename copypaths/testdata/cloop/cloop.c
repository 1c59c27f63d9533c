/*
 * The loops of read-write and sendfile in plain C: what the Go paths are compared with.
 *
 *	cloop receive CPU
 *		prints a port of 127.0.0.1, accepts one connection, drops what comes until the sender shuts down, and answers
 *		with one byte.
 *	cloop send read-write|sendfile plain|timed FILE CHUNK BYTES CPU PORT
 *		sends BYTES of FILE there, over and over, CHUNK at a time, and prints the time until the answer and the
 *		processor time of the sender, both in nanoseconds, as JSON. "timed" reads the clock once for each chunk and
 *		counts its latency in a histogram, "plain" does neither.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "sched_setaffinity to CPU %d", cpu);
}

static char *buffer(size_t size)
{
	char *b = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (b == MAP_FAILED)
		err(1, "mmap");
	memset(b, 0, size);
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

static void copy(int in, int out, char *b, size_t n)
{
	for (size_t got = 0; got < n;) {
		ssize_t k = read(in, b + got, n - got);

		if (k == 0)
			errx(1, "read: the file ended");
		if (k < 0 && errno != EINTR)
			err(1, "read");
		if (k > 0)
			got += k;
	}
	for (size_t put = 0; put < n;) {
		ssize_t k = write(out, b + put, n - put);

		if (k < 0 && errno != EINTR)
			err(1, "write");
		if (k > 0)
			put += k;
	}
}

static void hand_over(int in, int out, off_t at, size_t n)
{
	while (n > 0) {
		ssize_t k = sendfile(out, in, &at, n);

		if (k == 0)
			errx(1, "sendfile: the file ended");
		if (k < 0 && errno != EINTR)
			err(1, "sendfile");
		if (k > 0)
			n -= k;
	}
}

/* count finds a latency's bucket: 2048 linear ones for each power of two, which keeps three significant digits. */
static void count(long long *histogram, long long ns)
{
	int shift = 53 - __builtin_clzll(ns | 1);

	if (shift < 0)
		shift = 0;
	histogram[shift * 2048 + (ns >> shift)]++;
}

static void transmit(const char *path, int timed, const char *file, size_t chunk, long long bytes, int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port) };
	int copies = strcmp(path, "read-write") == 0, in = open(file, O_RDONLY), out = socket(AF_INET, SOCK_STREAM, 0);
	long long *histogram = (long long *)buffer(64 * 2048 * sizeof(long long)), last, now;
	char *b = buffer(chunk), answer;
	struct stat st;
	off_t at = 0;
	long long began, used;

	if (in < 0 || fstat(in, &st))
		err(1, "open %s", file);
	if (out < 0 || connect(out, (struct sockaddr *)&address, sizeof(address)))
		err(1, "connect");
	used = processor();
	began = last = wall();
	for (long long left = bytes; left > 0;) {
		size_t n = chunk;

		if ((long long)n > left)
			n = left;
		if ((off_t)n > st.st_size - at)
			n = st.st_size - at;
		if (copies)
			copy(in, out, b, n);
		else
			hand_over(in, out, at, n);
		if (timed) {
			now = wall();
			count(histogram, now - last);
			last = now;
		}
		left -= n;
		at += n;
		if (at == st.st_size) {
			at = 0;
			if (copies && lseek(in, 0, SEEK_SET) < 0)
				err(1, "lseek");
		}
	}
	if (shutdown(out, SHUT_WR) || read(out, &answer, 1) != 1)
		err(1, "wait for the answer");
	printf("{\"ElapsedNS\":%lld,\"ProcessNS\":%lld}\n", wall() - began, processor() - used);
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
		transmit(argv[2], strcmp(argv[3], "timed") == 0, argv[4], atoll(argv[5]), atoll(argv[6]), atoi(argv[8]));
		return 0;
	}
	errx(2, "usage: cloop receive CPU | cloop send read-write|sendfile plain|timed FILE CHUNK BYTES CPU PORT");
}
