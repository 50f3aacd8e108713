/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leftovers: temporary files that a kill has left beside the file that they were to become.
 *
 * Runs in: keystay-enroll, by whoever holds the lock of that file: nobody writes one there then.
 */
#pragma once

/* Of ks_path_write_file(). Nothing that can go wrong matters. */
void ks_leftovers_remove(const char *path);
