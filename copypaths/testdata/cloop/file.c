/* The paths from a file that block in each call: read-write, sendfile, mmap-write, splice, direct-write, direct-sendfile. */
#include "cloop.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

void fill(int in, off_t at, char *b, size_t n)
{
	static off_t stands; /* where the file does: a program reads one only */

	if (at != stands && lseek(in, at, SEEK_SET) < 0)
		err(1, "lseek");
	stands = at + n;
	while (n > 0) {
		ssize_t k = read(in, b, n);

		if (k == 0)
			errx(1, "read: the file ended");
		if (k < 0 && errno != EINTR)
			err(1, "read");
		if (k > 0) {
			b += k;
			n -= k;
		}
	}
}

void write_all(const char *b, size_t n)
{
	while (n > 0) {
		ssize_t k = write(ends.out, b, n);

		if (k < 0 && errno != EINTR)
			err(1, "write");
		if (k > 0) {
			b += k;
			n -= k;
		}
	}
}

static void read_write(off_t at, size_t n)
{
	fill(ends.in, at, ends.buffer, n);
	write_all(ends.buffer, n);
}

static void hand_over(off_t at, size_t n)
{
	while (n > 0) {
		ssize_t k = sendfile(ends.out, ends.in, &at, n);

		if (k == 0)
			errx(1, "sendfile: the file ended");
		if (k < 0 && errno != EINTR)
			err(1, "sendfile");
		if (k > 0)
			n -= k;
	}
}

static char *mapping;

static void mmap_open(void)
{
	mapping = mmap(NULL, ends.size, PROT_READ, MAP_SHARED, ends.in, 0);
	if (mapping == MAP_FAILED)
		err(1, "mmap the file");
}

static void mmap_write(off_t at, size_t n)
{
	write_all(mapping + at, n);
}

void pipe_for(size_t chunk, int *in, int *out)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		err(1, "pipe2");
	*out = fds[0];
	*in = fds[1];
	if (fcntl(*in, F_GETPIPE_SZ) < (int)chunk && fcntl(*in, F_SETPIPE_SZ, (int)chunk) < (int)chunk)
		err(1, "fcntl F_SETPIPE_SZ of %zu bytes", chunk);
}

static int pipe_in, pipe_out;

static void splice_open(void)
{
	pipe_for(ends.chunk, &pipe_in, &pipe_out);
}

static void splice_move(off_t at, size_t n)
{
	while (n > 0) {
		ssize_t held = splice(ends.in, &at, pipe_in, NULL, n, 0);

		if (held == 0)
			errx(1, "splice: the file ended");
		if (held < 0 && errno != EINTR)
			err(1, "splice from file");
		if (held < 0)
			continue;
		for (unsigned flags = (size_t)held < n ? SPLICE_F_MORE : 0; held > 0;) {
			ssize_t k = splice(pipe_out, NULL, ends.out, NULL, held, flags);

			if (k == 0)
				errx(1, "splice: the pipe gave nothing");
			if (k < 0 && errno != EINTR)
				err(1, "splice to socket");
			if (k > 0) {
				held -= k;
				n -= k;
			}
		}
	}
}

static char *direct_buffer;

/* The file is opened anew: O_DIRECT belongs to an open file. Offsets and sizes have to suit it, which is left to the caller. */
static void direct_open(void)
{
	close(ends.in);
	ends.in = open(ends.file, O_RDONLY | O_DIRECT);
	if (ends.in < 0)
		err(1, "open %s with O_DIRECT", ends.file);
	direct_buffer = buffer(ends.chunk);
}

static void direct_write(off_t at, size_t n)
{
	fill(ends.in, at, direct_buffer, n);
	write_all(direct_buffer, n);
}

const struct path file_paths[] = {
	{ "read-write", NULL, read_write, NULL },
	{ "sendfile", NULL, hand_over, NULL },
	{ "mmap-write", mmap_open, mmap_write, NULL },
	{ "splice", splice_open, splice_move, NULL },
	{ "direct-write", direct_open, direct_write, NULL },
	{ "direct-sendfile", direct_open, hand_over, NULL },
	{ 0 },
};
