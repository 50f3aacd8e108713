/* SPDX-License-Identifier: Apache-2.0 */
/* pcsc: see pcsc.h. Runs in: keystay-token. */
#include "pkcs11/pcsc.h"

#include <dlfcn.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/text.h"

#define LIBRARY "libpcsclite.so.1"
#define SOCKET "/run/pcscd/pcscd.comm"
/* A socket has its name before it listens: the daemon that has just made it gets a second. */
#define CONNECT_TRIES 20
#define CONNECT_PAUSE_MS 50

bool ks_pcsc_find(struct ks_pcsc *ret_pcsc)
{
	struct ks_pcsc pcsc;
	/* Kept for ever, as the module keeps it. */
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);

	if (!library)
		return false;
	*(void **)&pcsc.establish = dlsym(library, "SCardEstablishContext");
	*(void **)&pcsc.list = dlsym(library, "SCardListReaders");
	*(void **)&pcsc.wait = dlsym(library, "SCardGetStatusChange");
	*(void **)&pcsc.release = dlsym(library, "SCardReleaseContext");
	*(void **)&pcsc.connect = dlsym(library, "SCardConnect");
	*(void **)&pcsc.disconnect = dlsym(library, "SCardDisconnect");
	if (!pcsc.establish || !pcsc.list || !pcsc.wait || !pcsc.release || !pcsc.connect || !pcsc.disconnect)
		return false;
	*ret_pcsc = pcsc;
	return true;
}

static bool is_there(const struct ks_pcsc *pcsc)
{
	SCARDCONTEXT context;

	if (pcsc->establish(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS)
		return false;
	(void)pcsc->release(context);
	return true;
}

DWORD ks_pcsc_state(const struct ks_pcsc *pcsc, const char *reader)
{
	SCARD_READERSTATE state = { .szReader = reader, .dwCurrentState = SCARD_STATE_UNAWARE };
	SCARDCONTEXT context;

	if (pcsc->establish(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS)
		return SCARD_STATE_UNAWARE;
	LONG rv = pcsc->wait(context, 0, &state, 1);
	(void)pcsc->release(context);
	return rv == SCARD_S_SUCCESS ? state.dwEventState : SCARD_STATE_UNAWARE;
}

bool ks_pcsc_is_empty(const struct ks_pcsc *pcsc, const char *reader, unsigned patience_ms)
{
	SCARD_READERSTATE state = { .szReader = reader, .dwCurrentState = SCARD_STATE_UNAWARE };
	uint64_t end_ms = ks_clock_monotonic_ms() + patience_ms;
	SCARDCONTEXT context;

	if (pcsc->establish(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS)
		return false;
	LONG rv = pcsc->wait(context, 0, &state, 1);
	for (uint64_t now_ms; rv == SCARD_S_SUCCESS && (state.dwEventState & SCARD_STATE_PRESENT) &&
			      (now_ms = ks_clock_monotonic_ms()) < end_ms;) {
		state.dwCurrentState = state.dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
		rv = pcsc->wait(context, (DWORD)(end_ms - now_ms), &state, 1);
	}
	(void)pcsc->release(context);
	return rv == SCARD_S_SUCCESS && !(state.dwEventState & SCARD_STATE_PRESENT);
}

bool ks_pcsc_reset(const struct ks_pcsc *pcsc, const char *reader)
{
	SCARDCONTEXT context;
	SCARDHANDLE card;
	DWORD protocol;

	if (pcsc->establish(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS)
		return false;
	LONG rv = pcsc->connect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card,
				&protocol);
	if (rv == SCARD_S_SUCCESS)
		rv = pcsc->disconnect(card, SCARD_RESET_CARD);
	(void)pcsc->release(context);
	return rv == SCARD_S_SUCCESS;
}

static bool comes_soon(const struct ks_pcsc *pcsc, const char *socket)
{
	for (int i = 0; i < CONNECT_TRIES; i++) {
		if (is_there(pcsc))
			return true;
		if (access(socket, F_OK) < 0)
			return false;
		(void)poll(NULL, 0, CONNECT_PAUSE_MS);
	}
	return false;
}

/* The nearest folder above the socket that exists. */
static int watch_folder(int inotify, const char *socket)
{
	char folder[256];

	if (!ks_text_print(folder, sizeof(folder), "%s", socket))
		return -1;
	for (;;) {
		char *slash = strrchr(folder, '/');
		if (!slash)
			return -1;
		*(slash == folder ? slash + 1 : slash) = '\0';
		int watch = inotify_add_watch(inotify, folder,
					      IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
						      IN_ONLYDIR);
		if (watch >= 0 || slash == folder)
			return watch;
	}
}

bool ks_pcsc_await(const struct ks_pcsc *pcsc)
{
	const char *named = getenv("PCSCLITE_CSOCK_NAME");
	const char *socket = named ? named : SOCKET;
	char events[4096] __attribute__((aligned(8)));

	for (;;) {
		/* A new one each time: the folder to watch may be another one now. */
		KS_AUTO_CLOSE int inotify = inotify_init1(IN_CLOEXEC);
		if (inotify < 0 || watch_folder(inotify, socket) < 0)
			return false;
		if (comes_soon(pcsc, socket))
			return true;
		if (read(inotify, events, sizeof(events)) <= 0)
			return false;
	}
}
