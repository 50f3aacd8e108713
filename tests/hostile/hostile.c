/* SPDX-License-Identifier: Apache-2.0 */
/* hostile: see hostile.h. Runs in: tests. */
#include "tests/hostile/hostile.h"

#include <stdarg.h>
#include <stdio.h>

#include "lib/protocol/scheme.h"
#include "tests/hostile/hostile_list.h"
#include "tests/hostile/transcript_maker.h"

void ks_hostile_list_add(struct ks_hostile_list *list, const struct ks_hostile_input *input, const char *name, ...)
{
	struct ks_hostile_input named = *input;
	char text[160];
	va_list arguments;

	if (list->error < 0)
		return;
	va_start(arguments, name);
	(void)vsnprintf(text, sizeof(text), name, arguments);
	va_end(arguments);
	named.name = text;
	list->n++;
	int r = list->each(&named, list->userdata);
	if (r < 0)
		list->error = r;
}

void ks_hostile_put_good13(struct ks_buffer *out)
{
	for (int i = 0; i < 64; i++)
		ks_buffer_put_u8(out, ' ');
	ks_buffer_put(out, ks_bytes("TLS 1.3, client CertificateVerify", 34));
	for (int i = 0; i < 32; i++)
		ks_buffer_put_u8(out, (uint8_t)(0x80 + 5 * i));
}

void ks_hostile_put_good12(struct ks_buffer *out, struct ks_bytes certificate)
{
	struct ks_transcript_plan plan = { .client_certificate = certificate,
					   .with_staple = true,
					   .with_ca_names = true };

	ks_transcript_maker_write(&plan, out);
}

void ks_hostile_schemes(const struct ks_spki *spki, uint32_t *ret_scheme12, uint32_t *ret_scheme13)
{
	size_t n;
	const struct ks_scheme *schemes = ks_schemes(&n);

	for (size_t i = n; i-- > 0;) {
		if (ks_scheme_fits(&schemes[i], spki, false))
			*ret_scheme12 = schemes[i].code;
		if (ks_scheme_fits(&schemes[i], spki, true))
			*ret_scheme13 = schemes[i].code;
	}
}

int ks_hostile_build(const struct ks_hostile_target *target,
		     int (*each)(const struct ks_hostile_input *input, void *userdata), void *userdata)
{
	struct ks_hostile_list list = { .target = target, .each = each, .userdata = userdata };

	ks_hostile_tls13_add(&list);
	ks_hostile_digest_add(&list);
	ks_hostile_tls12_add(&list);
	ks_hostile_contents12_add(&list);
	ks_hostile_protocols_add(&list);
	ks_hostile_schemes_add(&list);
	ks_hostile_cmp_add(&list);
	return list.error < 0 ? list.error : list.n;
}
