/* The plain C counterpart of a buffered run: pwrite(2) over the blocks of an existing file, one after the other, from a
 * ring of blocks in anonymous memory, with nothing else in the loop. Prints the nanoseconds of the loop.
 *
 * usage: pwriteloop FILE FILE_BYTES BLOCK_BYTES RING_BYTES OPERATIONS */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fprintf(stderr, "usage: pwriteloop FILE FILE_BYTES BLOCK_BYTES RING_BYTES OPERATIONS\n");
		return 2;
	}
	int fd = open(argv[1], O_WRONLY | O_CLOEXEC);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	int64_t file = atoll(argv[2]), block = atoll(argv[3]), ring = atoll(argv[4]), operations = atoll(argv[5]);
	unsigned char *payload = mmap(NULL, ring, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (payload == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	uint64_t x = 88172645463325252u;
	for (int64_t i = 0; i < ring; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		payload[i] = x;
	}
	int64_t off = 0, at = 0, start = now();
	for (int64_t i = 0; i < operations; i++) {
		if (pwrite(fd, payload + at, block, off) != block) {
			perror("pwrite");
			return 1;
		}
		if ((off += block) == file)
			off = 0;
		if ((at += block) == ring)
			at = 0;
	}
	printf("%lld\n", (long long)(now() - start));
	return 0;
}
