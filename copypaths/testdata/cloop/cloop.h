/* What the files of cloop share. */
#ifndef CLOOP_H
#define CLOOP_H

#define _GNU_SOURCE
#include <stddef.h>
#include <sys/types.h>

/* What a path connects, and what it may use. The program has one path, so there is one of these. */
struct ends {
	int in; /* the file, opened for reading */
	const char *file;
	off_t size; /* of the file */
	int out;    /* the socket, connected */
	size_t chunk;
	char *buffer; /* of chunk bytes */
};
extern struct ends ends;

/*
 * A path: open does what is not timed, move hands n bytes from the offset at to the kernel, flush what move has kept
 * back. open and flush may be NULL. All of them end the program if anything fails.
 */
struct path {
	const char *name; /* those that send from memory begin with "memory/" */
	void (*open)(void);
	void (*move)(off_t at, size_t n);
	void (*flush)(void);
};
extern const struct path file_paths[], memory_paths[], poller_paths[], uring_paths[], zerocopy_paths[]; /* end with no name */

/* buffer is touched memory of whole pages. */
char *buffer(size_t size);

/* whole rounds size up to whole pages. */
size_t whole(size_t size);

/* fill reads n bytes from the offset at into b, by read(2) and, where the file stands elsewhere, lseek(2). */
void fill(int in, off_t at, char *b, size_t n);

/* write_all writes n bytes to the socket. */
void write_all(const char *b, size_t n);

/* pipe_for makes a pipe that has room for a chunk. */
void pipe_for(size_t chunk, int *in, int *out);

/* open_memory cuts the file into messages of several fields each, and those into areas. */
void open_memory(void);

/* gather copies the fields of the n bytes of the message at the offset at into one place. */
void gather(off_t at, size_t n, char *into);

#endif
