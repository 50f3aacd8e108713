/* SPDX-License-Identifier: Apache-2.0 */
/* hostile_tls13: C1 to C4, TLS 1.3 inputs with one fault. Runs in: tests. */
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/text.h"
#include "tests/hostile/hostile_list.h"

static const char context[] = "TLS 1.3, client CertificateVerify";

struct shape {
	size_t n_spaces;
	const char *context;
	const char *separator; /* "" = none, NULL = the zero byte */
	size_t hash_size;
};

static void put_shape(struct ks_buffer *out, const struct shape *shape)
{
	for (size_t i = 0; i < shape->n_spaces; i++)
		ks_buffer_put_u8(out, ' ');
	ks_buffer_put(out, ks_bytes_text(shape->context));
	if (shape->separator)
		ks_buffer_put(out, ks_bytes_text(shape->separator));
	else
		ks_buffer_put_u8(out, 0);
	for (size_t i = 0; i < shape->hash_size; i++)
		ks_buffer_put_u8(out, (uint8_t)(0x91 + 3 * i));
}

static void add_shape(struct ks_hostile_list *list, const char *class, int expected, const struct shape *shape,
		      const char *name)
{
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer input = { 0 };

	put_shape(&input, shape);
	ks_hostile_list_add(list,
			    &(struct ks_hostile_input){
				    .class = class,
				    .input = ks_buffer_bytes(&input),
				    .scheme = list->target->scheme13,
				    .expected = expected,
			    },
			    "%s (%zu bytes)", name, input.size);
}

static void add_lengths(struct ks_hostile_list *list)
{
	static const size_t hash_sizes[] = { 0, 1, 16, 20, 28, 31, 33, 36, 47, 49, 64, 128, 1000 };

	for (size_t i = 0; i < sizeof(hash_sizes) / sizeof(hash_sizes[0]); i++) {
		struct shape shape = { 64, context, NULL, hash_sizes[i] };
		add_shape(list, "C1", KS_ERR_INPUT_LENGTH, &shape, "TLS 1.3 with a hash of another length");
	}
	for (size_t size = 32; size <= 64; size += 32) {
		struct shape shape = { size, "", "", 0 };
		add_shape(list, "C1", KS_ERR_INPUT_LENGTH, &shape, "TLS 1.3 that is nothing but padding");
	}
	add_shape(list, "C1", KS_ERR_INPUT_LENGTH, &(struct shape){ 64, "TLS 1.3, client", "", 0 },
		  "TLS 1.3 that ends in its context");
	add_shape(list, "C1", KS_ERR_INPUT_LENGTH, &(struct shape){ 64, context, "", 0 },
		  "TLS 1.3 that ends after its context");
	add_shape(list, "C1", KS_ERR_INPUT_PADDING, &(struct shape){ 63, context, NULL, 32 },
		  "TLS 1.3 with 63 bytes of padding");
	add_shape(list, "C1", KS_ERR_INPUT_PADDING, &(struct shape){ 63, context, NULL, 33 },
		  "TLS 1.3 with 63 bytes of padding and the right length");
	add_shape(list, "C1", KS_ERR_INPUT_CONTEXT, &(struct shape){ 65, context, NULL, 32 },
		  "TLS 1.3 with 65 bytes of padding");
	add_shape(list, "C1", KS_ERR_INPUT_CONTEXT, &(struct shape){ 65, context, NULL, 31 },
		  "TLS 1.3 with 65 bytes of padding and the right length");
	add_shape(list, "C1", KS_ERR_INPUT_CONTEXT, &(struct shape){ 130, "", "", 0 }, "130 spaces");
}

static void add_paddings(struct ks_hostile_list *list)
{
	static const uint8_t wrong[] = { 0x00, 0x01, 0x21, 0xa0 };
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer good = { 0 };

	put_shape(&good, &(struct shape){ 64, context, NULL, 48 });
	for (size_t i = 0; i < 64; i++) {
		uint8_t byte = wrong[i % sizeof(wrong)];
		good.data[i] = byte;
		ks_hostile_list_add(list,
				    &(struct ks_hostile_input){
					    .class = "C2",
					    .input = ks_buffer_bytes(&good),
					    .scheme = list->target->scheme13,
					    .expected = KS_ERR_INPUT_PADDING,
				    },
				    "byte %zu of the padding is 0x%02x", i + 1, byte);
		good.data[i] = ' ';
	}
}

static void add_contexts(struct ks_hostile_list *list)
{
	static const char *const contexts[] = {
		"TLS 1.3, server CertificateVerify", /* a TLS server */
		"TLS 1.3, Client CertificateVerify",
		"TLS 1.3, client certificateVerify",
		"TLS 1.2, client CertificateVerify",
		"TLS 1.4, client CertificateVerify",
		"DTLS 1.3, client CertificateVerif",
		"TLS 1.3, client CertificateVerif\xf9",
		"TLS 1.3, client Finished         ",
		"TLS 1.3, exporter                ",
		"Exported Authenticator",            /* RFC 9261 */
		"TLS, client delegated credentials", /* RFC 9345 */
		"TLS, server delegated credentials",
		"QUIC, client CertificateVerify",
		"TLS 1.3, client CertificateVerify and more",
		"",
	};

	for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++) {
		for (size_t hash_size = 32; hash_size <= 48; hash_size += 16) {
			struct shape shape = { 64, contexts[i], NULL, hash_size };
			char name[64];
			ks_text_escape(ks_bytes_text(contexts[i]), name, sizeof(name));
			add_shape(list, "C3", KS_ERR_INPUT_CONTEXT, &shape, name);
		}
	}
}

static void add_separators(struct ks_hostile_list *list)
{
	static const char *const separators[] = { "", " ", "\x01", "\xff", "0" };

	for (size_t i = 0; i < sizeof(separators) / sizeof(separators[0]); i++) {
		static const size_t hash_sizes[] = { 32, 33, 48, 49 };
		for (size_t j = 0; j < sizeof(hash_sizes) / sizeof(hash_sizes[0]); j++) {
			struct shape shape = { 64, context, separators[i], hash_sizes[j] };
			char name[64];
			(void)snprintf(name, sizeof(name), "wrong separator %zu", i + 1);
			add_shape(list, "C4", KS_ERR_INPUT_CONTEXT, &shape, name);
		}
	}
}

void ks_hostile_tls13_add(struct ks_hostile_list *list)
{
	add_lengths(list);
	add_paddings(list);
	add_contexts(list);
	add_separators(list);
}
