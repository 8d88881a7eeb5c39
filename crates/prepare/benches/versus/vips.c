/* The tile as libvips' users make it, driven line by line so that rounds of several programs can alternate:
 *
 *   FILE COUNT      makes the tile COUNT times from the file's bytes in memory; answers NANOSECONDS_TOTAL OUTPUT_BYTES
 *   tile FILE OUT   writes the tile to OUT; answers OUTPUT_BYTES
 *
 * A line that fails is answered with `error …`, and the next one is read. All is libvips' default but for what the tile
 * asks for (centre, white behind what is transparent, quality 95, full colour) and what the measurement asks for (one
 * thread; no cache of operations, which would answer every call after the first). */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <vips/vips.h>

enum { RESIZED = 256, TILE = 224, QUALITY = 95, MOST_COUNT = 1000000 };

typedef struct {
	void *bytes;
	size_t size;
} Blob;

/* This and what follows: 0 or, with the reason in libvips' error buffer, -1. */
static int centre_of(const Blob *file, VipsObject *owner, VipsImage **out)
{
	VipsImage **step = (VipsImage **) vips_object_local_array(owner, 3);
	const int margin = (RESIZED - TILE) / 2;

	if (vips_thumbnail_buffer(file->bytes, file->size, &step[0], RESIZED,
			"height", RESIZED, "crop", VIPS_INTERESTING_CENTRE, NULL) ||
		vips_extract_area(step[0], &step[1], margin, margin, TILE, TILE, NULL))
		return -1;
	*out = step[1];
	if (vips_image_hasalpha(step[1])) {
		VipsArrayDouble *white = vips_array_double_newv(1, 255.0);
		int failed = vips_flatten(step[1], &step[2], "background", white, NULL);
		vips_area_unref(VIPS_AREA(white));
		*out = step[2];
		return failed;
	}
	return 0;
}

/* libvips computes nothing before the last call here asks for pixels. */
static int make_tile(const Blob *file, Blob *tile)
{
	VipsObject *owner = VIPS_OBJECT(vips_image_new());
	VipsImage *picture;
	int failed = centre_of(file, owner, &picture) ||
		vips_jpegsave_buffer(picture, &tile->bytes, &tile->size,
			"Q", QUALITY, "subsample_mode", VIPS_FOREIGN_SUBSAMPLE_OFF, "strip", TRUE, NULL);

	g_object_unref(owner);
	return failed ? -1 : 0;
}

static long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static int measure(const Blob *file, long count)
{
	Blob tile = { NULL, 0 };
	long long start = now_ns();

	for (long i = 0; i < count; i++) {
		g_free(tile.bytes);
		tile.bytes = NULL;
		if (make_tile(file, &tile))
			return -1;
	}
	printf("%lld %zu\n", now_ns() - start, tile.size);
	g_free(tile.bytes);
	return 0;
}

static int write_tile(const Blob *file, const char *path)
{
	Blob tile = { NULL, 0 };
	GError *error = NULL;

	if (make_tile(file, &tile))
		return -1;
	if (!g_file_set_contents(path, tile.bytes, tile.size, &error)) {
		vips_error("tile", "%s", error->message);
		g_error_free(error);
	}
	else
		printf("%zu\n", tile.size);
	g_free(tile.bytes);
	return *vips_error_buffer() ? -1 : 0;
}

/* Reading the file is not part of what is measured. */
static int on_file(const char *path, const char *count_or_out, gboolean for_the_eye)
{
	gchar *bytes;
	gsize size;
	GError *error = NULL;
	long count = for_the_eye ? 1 : strtol(count_or_out, NULL, 10);

	if (count < 1 || count > MOST_COUNT) {
		vips_error("count", "'%s' is not a number from 1 to %d", count_or_out, MOST_COUNT);
		return -1;
	}
	if (!g_file_get_contents(path, &bytes, &size, &error)) {
		vips_error("file", "%s", error->message);
		g_error_free(error);
		return -1;
	}
	Blob file = { bytes, size };
	int failed = for_the_eye ? write_tile(&file, count_or_out) : measure(&file, count);
	g_free(bytes);
	return failed;
}

/* The last word is COUNT or OUT; a path to read may hold spaces. */
static int answer(char *line)
{
	gboolean for_the_eye = g_str_has_prefix(line, "tile ");
	char *path = for_the_eye ? line + strlen("tile ") : line;
	char *last = strrchr(path, ' ');

	if (!last) {
		vips_error("line", "neither 'FILE COUNT' nor 'tile FILE OUT'");
		return -1;
	}
	*last = '\0';
	return on_file(path, last + 1, for_the_eye);
}

int main(int argc, char **argv)
{
	char *line = NULL;
	size_t room = 0;

	(void) argc;
	if (VIPS_INIT(argv[0]))
		vips_error_exit(NULL);
	vips_concurrency_set(1);
	vips_cache_set_max(0);
	while (getline(&line, &room, stdin) > 0) {
		if (answer(g_strchomp(line)))
			printf("error %s\n", g_strdelimit(g_strchomp(g_strdup(vips_error_buffer())), "\n", ' '));
		vips_error_clear();
		fflush(stdout);
	}
	free(line);
	vips_shutdown();
	return 0;
}
