/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pinentry_folder: tests/fakes/fake_pinentry with a folder of its own: what it is to answer, and what it was told.
 *
 * Runs in: unit tests. Sets $KEYSTAY_FAKE_PINENTRY, and takes every place for a dialog but a made-up display out of
 * this process's environment.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct pinentry_folder {
	char path[64];
	unsigned n_fds; /* of this process when it was made */
};

void pinentry_folder_make(struct pinentry_folder *folder);

/* Asserts that nothing is left: no child, no process of its environment, no descriptor. */
void pinentry_folder_remove(struct pinentry_folder *folder);

/* The lines of the script (tests/fakes/fake_pinentry). Not for PINs that are looked for in memory. */
void pinentry_folder_script(const struct pinentry_folder *folder, const char *lines);

/* How often a line that begins with this was written down. */
unsigned pinentry_folder_count(const struct pinentry_folder *folder, const char *line);

/* A dialog that holds goes on. */
void pinentry_folder_release(const struct pinentry_folder *folder);

/* A secret that nobody can find in memory by chance: it stands here only in another form. */
struct masked_pin {
	unsigned char bytes[16];
};
void masked_pin_make(struct masked_pin *pin);

/* Writes the script "pin PIN", in a process of its own. */
void masked_pin_script(const struct masked_pin *pin, const struct pinentry_folder *folder);
bool masked_pin_is(const struct masked_pin *pin, const void *data, size_t size);

/* How often it stands in the memory of this process, the arena of struct ks_secret left out. */
unsigned masked_pin_traces(const struct masked_pin *pin);

/* Can memory be searched? Not where a sanitizer keeps its own. */
bool masked_pin_can_search(void);
