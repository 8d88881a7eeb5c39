/* libjpeg-turbo, row by row. TurboJPEG's own interface tells the first warning alone, and has the whole picture in memory; here
 * every warning is judged, with the place at which it came up. An error jumps back into the function that was called: no jump
 * passes Rust's code. Rust's side is library/mod.rs, and the two structures are there once more. */

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <jpeglib.h>
#include <jerror.h>

enum failure { FINE = 0, NO_IMAGE, ENDS_EARLY, FEATURE, TOO_MANY_SCANS, NO_MEMORY, BROKEN };

struct header {
  uint32_t width, height, precision;
  uint8_t is_cmyk, is_in_scans;
  uint64_t coefficient_bytes;
};

/* Rows of blocks, counted once for each component. A scan tells the means of blocks or, in a progressive file, details. */
struct damage {
  uint32_t rows, missing_rows, broken_rows;
  /* Bytes that no scan has used, as far as they look like data. */
  uint32_t stray_bytes;
  uint8_t lacks_details, has_broken_details;
};

struct reader {
  struct jpeg_decompress_struct jpeg;
  struct jpeg_error_mgr errors;
  struct jpeg_progress_mgr progress;
  jmp_buf out;
  enum failure failure;
  int max_scans;
  /* The last scan in which data broke, and its last row that did. */
  int broken_scan;
  uint32_t last_broken_row;
  /* A bit for each component: whose means have begun, and whose ended early. */
  uint32_t begun, ended;
  uint8_t is_in_scans, has_no_end;
  struct damage damage;
  void *wide;
};

static enum failure judged(int code) {
  switch (code) {
  case JERR_NO_IMAGE: case JERR_NO_SOI: return NO_IMAGE;
  case JERR_INPUT_EMPTY: case JERR_INPUT_EOF: case JERR_SOF_NO_SOS: return ENDS_EARLY;
  case JERR_BAD_PRECISION: case JERR_SOF_UNSUPPORTED: case JERR_CONVERSION_NOTIMPL: case JERR_ARITH_NOTIMPL:
  case JERR_NOTIMPL: case JERR_NOT_COMPILED: case JERR_CCIR601_NOTIMPL: case JERR_FRACT_SAMPLE_NOTIMPL:
    return FEATURE;
  case JERR_OUT_OF_MEMORY: return NO_MEMORY;
  default: return BROKEN;
  }
}

static void leave(j_common_ptr jpeg) {
  struct reader *reader = jpeg->client_data;
  reader->failure = judged(jpeg->err->msg_code);
  longjmp(reader->out, 1);
}

static int tells_means(const struct jpeg_decompress_struct *jpeg) {
  return !jpeg->progressive_mode || (jpeg->Ss == 0 && jpeg->Ah == 0);
}

static uint32_t components_in_scan(const struct jpeg_decompress_struct *jpeg) {
  uint32_t found = 0;
  for (int at = 0; at < jpeg->comps_in_scan; at++)
    found |= 1U << jpeg->cur_comp_info[at]->component_index;
  return found;
}

/* Each row of a scan counts once; without restarts, all rows after it are as broken. */
static void note_broken(struct reader *reader) {
  struct jpeg_decompress_struct *jpeg = &reader->jpeg;
  uint32_t row = jpeg->input_iMCU_row;
  if (!tells_means(jpeg)) {
    reader->damage.has_broken_details = 1;
    return;
  }
  int is_first = reader->broken_scan != jpeg->input_scan_number;
  if (!is_first && (jpeg->restart_interval == 0 || reader->last_broken_row == row))
    return;
  reader->broken_scan = jpeg->input_scan_number;
  reader->last_broken_row = row;
  uint32_t left = jpeg->total_iMCU_rows > row ? jpeg->total_iMCU_rows - row : 1;
  if (jpeg->restart_interval > 0)
    reader->damage.broken_rows += jpeg->comps_in_scan;
  else
    reader->damage.broken_rows += left * jpeg->comps_in_scan;
}

static void note_ended(struct reader *reader) {
  struct jpeg_decompress_struct *jpeg = &reader->jpeg;
  uint32_t row = jpeg->input_iMCU_row;
  if (!tells_means(jpeg)) {
    reader->damage.lacks_details = 1;
    return;
  }
  uint32_t here = components_in_scan(jpeg) & ~reader->ended;
  reader->ended |= here;
  if (row < jpeg->total_iMCU_rows)
    reader->damage.missing_rows += (jpeg->total_iMCU_rows - row) * __builtin_popcount(here);
}

/* Huffman's decoder tells of data that ends early, and the arithmetic one goes on with zeros. */
static void note_ran_dry(struct reader *reader) {
  const struct jpeg_decompress_struct *jpeg = &reader->jpeg;
  int is_in_a_scan = jpeg->input_scan_number > 0 && jpeg->input_iMCU_row < jpeg->total_iMCU_rows;
  reader->has_no_end = 1;
  if (jpeg->arith_code && is_in_a_scan)
    note_ended(reader);
}

/* Between two restarts a few change nothing; Rust's side judges those behind a scan. */
enum { FEW_STRAY_BYTES = 16 };

static void note_stray(struct reader *reader, uint32_t bytes) {
  if (reader->jpeg.input_scan_number == 0)
    return;
  if (reader->jpeg.restart_interval == 0)
    reader->damage.stray_bytes += bytes;
  else if (bytes > FEW_STRAY_BYTES)
    note_broken(reader);
}

static void note(j_common_ptr common, int level) {
  struct reader *reader = common->client_data;
  if (level >= 0)
    return;
  reader->errors.num_warnings++;
  switch (common->err->msg_code) {
  case JWRN_HIT_MARKER:
    if (reader->jpeg.unread_marker >= 0xd0 && reader->jpeg.unread_marker <= 0xd7)
      note_broken(reader);
    else
      note_ended(reader);
    break;
  case JWRN_MUST_RESYNC: case JWRN_ARITH_BAD_CODE:
    /* Behind the end nothing is broken: restarts come no more, and zeros are no code. */
    if (reader->jpeg.unread_marker == JPEG_EOI)
      note_ended(reader);
    else
      note_broken(reader);
    break;
  case JWRN_HUFF_BAD_CODE: case JWRN_BOGUS_PROGRESSION:
    note_broken(reader);
    break;
  case JWRN_EXTRANEOUS_DATA:
    note_stray(reader, common->err->msg_parm.i[0]);
    break;
  case JWRN_JPEG_EOF:
    note_ran_dry(reader);
    break;
  default:
    /* Odd headers, and what else browsers let pass. */
    break;
  }
}

static void say_nothing(j_common_ptr jpeg) { (void)jpeg; }

static void count_scans(j_common_ptr common) {
  struct reader *reader = common->client_data;
  if (reader->jpeg.input_scan_number > reader->max_scans) {
    reader->failure = TOO_MANY_SCANS;
    longjmp(reader->out, 1);
  }
  /* It comes by once at least in each scan. */
  if (tells_means(&reader->jpeg))
    reader->begun |= components_in_scan(&reader->jpeg);
}

static int create(struct reader *reader, const uint8_t *bytes, size_t length) {
  if (setjmp(reader->out))
    return reader->failure;
  jpeg_create_decompress(&reader->jpeg);
  /* What is created anew has lost these. */
  reader->jpeg.client_data = reader;
  reader->jpeg.progress = &reader->progress;
  jpeg_mem_src(&reader->jpeg, bytes, length);
  return FINE;
}

void tagfleet_jpeg_close(struct reader *reader) {
  jpeg_destroy_decompress(&reader->jpeg);
  free(reader->wide);
  free(reader);
}

struct reader *tagfleet_jpeg_open(const uint8_t *bytes, size_t length, int max_scans) {
  struct reader *reader = calloc(1, sizeof(struct reader));
  if (reader == NULL)
    return NULL;
  reader->jpeg.err = jpeg_std_error(&reader->errors);
  reader->jpeg.client_data = reader;
  reader->errors.error_exit = leave;
  reader->errors.emit_message = note;
  reader->errors.output_message = say_nothing;
  reader->progress.progress_monitor = count_scans;
  reader->max_scans = max_scans;
  if (create(reader, bytes, length) == FINE)
    return reader;
  tagfleet_jpeg_close(reader);
  return NULL;
}

int tagfleet_jpeg_header(struct reader *reader, struct header *header) {
  struct jpeg_decompress_struct *jpeg = &reader->jpeg;
  if (setjmp(reader->out))
    return reader->failure;
  jpeg_read_header(jpeg, TRUE);
  header->width = jpeg->image_width;
  header->height = jpeg->image_height;
  header->precision = jpeg->data_precision;
  header->is_cmyk = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
  header->is_in_scans = reader->is_in_scans = jpeg_has_multiple_scans(jpeg);
  header->coefficient_bytes = 0;
  for (int at = 0; at < jpeg->num_components; at++) {
    uint64_t blocks = (uint64_t)jpeg->comp_info[at].width_in_blocks * jpeg->comp_info[at].height_in_blocks;
    header->coefficient_bytes += blocks * sizeof(JBLOCK);
  }
  return FINE;
}

/* `eighths`: 1, 2, 4 or 8. `size` gets the width, the height and the bytes of a pixel. */
int tagfleet_jpeg_start(struct reader *reader, int eighths, uint32_t size[3]) {
  struct jpeg_decompress_struct *jpeg = &reader->jpeg;
  if (setjmp(reader->out))
    return reader->failure;
  if (jpeg->jpeg_color_space == JCS_GRAYSCALE)
    jpeg->out_color_space = JCS_GRAYSCALE;
  else if (jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK)
    jpeg->out_color_space = JCS_CMYK;
  else
    jpeg->out_color_space = JCS_RGB;
  jpeg->scale_num = eighths;
  jpeg->scale_denom = 8;
  jpeg_start_decompress(jpeg);
  size[0] = jpeg->output_width;
  size[1] = jpeg->output_height;
  size[2] = jpeg->output_components;
  if (jpeg->data_precision > 8) {
    reader->wide = malloc(sizeof(uint16_t) * jpeg->output_width * jpeg->output_components);
    return reader->wide == NULL ? NO_MEMORY : FINE;
  }
  return FINE;
}

/* The upper eight bits of what has more. */
static void narrow(struct reader *reader, uint8_t *row) {
  struct jpeg_decompress_struct *jpeg = &reader->jpeg;
  size_t samples = (size_t)jpeg->output_width * jpeg->output_components;
  const uint16_t *wide = reader->wide;
  for (size_t at = 0; at < samples; at++)
    row[at] = (uint8_t)(wide[at] >> (jpeg->data_precision - 8));
}

int tagfleet_jpeg_row(struct reader *reader, uint8_t *row) {
  struct jpeg_decompress_struct *jpeg = &reader->jpeg;
  if (setjmp(reader->out))
    return reader->failure;
  if (jpeg->data_precision <= 8) {
    JSAMPROW rows[1] = { row };
    jpeg_read_scanlines(jpeg, rows, 1);
    if (jpeg->data_precision < 8)
      for (size_t at = 0; at < (size_t)jpeg->output_width * jpeg->output_components; at++)
        row[at] = (uint8_t)(row[at] * 255 / ((1 << jpeg->data_precision) - 1));
  } else if (jpeg->data_precision <= 12) {
    J12SAMPROW rows[1] = { reader->wide };
    jpeg12_read_scanlines(jpeg, rows, 1);
    narrow(reader, row);
  } else {
    J16SAMPROW rows[1] = { reader->wide };
    jpeg16_read_scanlines(jpeg, rows, 1);
    narrow(reader, row);
  }
  return FINE;
}

/* Where all scans have come, the details of each coefficient have. */
static int has_all_details(const struct jpeg_decompress_struct *jpeg) {
  if (!jpeg->progressive_mode || jpeg->coef_bits == NULL)
    return 1;
  for (int component = 0; component < jpeg->num_components; component++)
    for (int at = 0; at < DCTSIZE2; at++)
      if (jpeg->coef_bits[component][at] != 0)
        return 0;
  return 1;
}

/* What lies between the last row's data and the next marker. A filling of equal bytes is no data. */
static uint32_t left_over(const struct jpeg_decompress_struct *jpeg) {
  const uint8_t *from = jpeg->src->next_input_byte;
  size_t bytes = jpeg->src->bytes_in_buffer;
  int is_filling = 1;
  uint32_t at = 0;
  if (jpeg->unread_marker != 0)
    return 0;
  for (; at + 1 < bytes; at++) {
    if (from[at] == 0xff && from[at + 1] != 0 && from[at + 1] != 0xff)
      break;
    is_filling = is_filling && from[at] == from[0];
  }
  return is_filling ? 0 : at;
}

/* All of what has ended too early; while rows are read, what is known so far. */
struct damage tagfleet_jpeg_damage(const struct reader *reader) {
  const struct jpeg_decompress_struct *jpeg = &reader->jpeg;
  struct damage damage = reader->damage;
  damage.rows = jpeg->total_iMCU_rows * jpeg->num_components;
  if (reader->is_in_scans) {
    uint32_t never_begun = ((1U << jpeg->num_components) - 1) & ~reader->begun;
    damage.missing_rows += jpeg->total_iMCU_rows * __builtin_popcount(never_begun);
    if (reader->has_no_end && !has_all_details(jpeg))
      damage.lacks_details = 1;
  } else if (jpeg->output_scanline == jpeg->output_height && damage.missing_rows == 0) {
    damage.stray_bytes += left_over(jpeg);
  }
  return damage;
}
