/* SPDX-License-Identifier: Apache-2.0 */
/*
 * talk: whole frames in and out of a socket, for processes that have nothing else to do meanwhile.
 *
 * Runs in: keystay-prove and its children. Blocks; has no deadline: whoever waits for this process has one.
 */
#pragma once

#include "lib/base/buffer.h"
#include "lib/protocol/frame.h"

/* Waits for one whole frame; it stands in buffer, which is empty before. CLOSED, MALFORMED, TOO_LARGE (the buffer's own
 * limit). */
int ks_talk_receive(int fd, struct ks_buffer *buffer, struct ks_frame *ret_frame) KS_WARN_UNUSED;

/* Sends all of it. CLOSED. */
int ks_talk_send_bytes(int fd, struct ks_bytes bytes) KS_WARN_UNUSED;

/* One message of lib/protocol/message.h. */
int ks_talk_send(int fd, uint8_t type, const void *message) KS_WARN_UNUSED;
