/* Hostile GGUF files: what the reader accepts must be wholly readable and findable; the tokenizer
 * in it encodes and decodes, its templates and end tokens are read from a file.
 */
#include <stdio.h>
#include <unistd.h>

#include "tokenizer_body.h"
#include "wire/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint8_t seen; /* keeps reads */

static void read_bytes(pome__bytes bytes) {
  for (size_t i = 0; i < bytes.size; i++) seen ^= bytes.data[i];
}

static void read_value(const pome__gguf_value *value) {
  int64_t integer;
  double real;
  bool flag;
  pome_string text;
  read_bytes(value->bytes);
  if (value->kind != POME__GGUF_ARRAY) {
    int ways = pome__gguf_string(value, &text) + pome__gguf_bool(value, &flag) +
               pome__gguf_real(value, &real);
    if (ways != 1 || (pome__gguf_integer(value, &integer) && (double)integer != real)) abort();
    return;
  }
  pome__bytes rest = value->bytes;
  for (size_t i = 0; i < value->count && value->element != POME__GGUF_ARRAY; i++) {
    if (value->element == POME__GGUF_STRING) {
      text = pome__gguf_next_string(&rest);
      read_bytes((pome__bytes){(const uint8_t *)text.data, text.size});
    } else {
      pome__gguf_value element = pome__gguf_element(value, i);
      read_value(&element);
    }
  }
  if (value->element == POME__GGUF_STRING && rest.size != 0) abort();
}

/* A name with NUL in it is found by none. */
static bool copy_name(pome_string name, char *text, size_t room) {
  if (name.size >= room || memchr(name.data, '\0', name.size) != NULL) return false;
  memcpy(text, name.data, name.size);
  text[name.size] = '\0';
  return true;
}

static void read_all(const pome__gguf *gguf) {
  char name[256];
  for (size_t i = 0; i < gguf->entry_count; i++) {
    const pome__gguf_entry *entry = &gguf->entries[i];
    if (copy_name(entry->key, name, sizeof name) && pome__gguf_find(gguf, name) != &entry->value)
      abort();
    read_value(&entry->value);
  }
  for (size_t i = 0; i < gguf->tensor_count; i++) {
    const pome__gguf_tensor *tensor = &gguf->tensors[i];
    if (copy_name(tensor->name, name, sizeof name) && pome__gguf_find_tensor(gguf, name) != tensor)
      abort();
    read_bytes(tensor->data);
  }
}

static char path[] = "/tmp/pome-fuzz-gguf-XXXXXX";

static void open_template(const char *name) {
  static const char talk[] = "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}";
  pome_template *chat;
  char *text;
  size_t size;
  if (pome_template_open(path, name, NULL, &chat, NULL) != POME_OK) return;
  if (pome_template_render(chat, talk, sizeof talk - 1, 0, &text, &size, NULL) == POME_OK) {
    if (!pome__text_is_utf8(text, size)) abort();
    pome_template_free_text(chat, text, size);
  }
  pome_template_close(chat);
}

static void remove_file(void) {
  unlink(path);
}

/* The same bytes as a file, always the same one. */
static void open_file(const uint8_t *data, size_t size) {
  static int file = -1;
  pome_tokenizer *t;
  pome_stops *stops;
  if (file < 0 && (file = mkstemp(path)) >= 0) (void)atexit(remove_file);
  if (file < 0 || ftruncate(file, 0) != 0 || pwrite(file, data, size, 0) != (ssize_t)size) return;
  open_template(NULL);
  open_template("tool_use");
  if (pome_tokenizer_open(path, NULL, &t, NULL) != POME_OK) return;
  if (pome_stops_create(t, path, NULL, NULL, 0, NULL, &stops, NULL) == POME_OK)
    pome_stops_free(stops);
  pome_tokenizer_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  pome__arena arena;
  pome__gguf gguf;
  pome__arena_init(&arena, NULL, (size_t)64 << 20);
  if (pome__gguf_parse((pome__bytes){data, size}, &arena, &gguf, NULL) == POME_OK) {
    read_all(&gguf);
    (void)run(data, size, pome__tokenizer_read_gguf);
    open_file(data, size);
  }
  pome__arena_free(&arena);
  return 0;
}
