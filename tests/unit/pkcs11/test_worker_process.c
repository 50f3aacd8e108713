/* SPDX-License-Identifier: Apache-2.0 */
/* keystay-token as a process: what it loads and refuses, its walls, its channel, its end. Runs in: unit tests. */
#include "tests/unit/pkcs11/rig.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXITED(code) ((code) << 8)

static struct rig rig;
static struct rig_worker worker;
static EVP_PKEY *key;

static void fill(struct rig_writer *writer, void *userdata)
{
	const struct rig_key all = { .key = key, .label = "p256", .id = 1, .parts = RIG_ALL };
	(void)userdata;

	rig_write_token(writer, "corp");
	rig_write_key(writer, &all);
}

static int setup(void **state)
{
	(void)state;
	key = rig_new_key("P-256");
	rig_init(&rig);
	rig_write(&rig, fill, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	rig_deinit(&rig);
	return 0;
}

static const struct rig_options shim = { .path = RIG_SHIM };

static void start(const char *script)
{
	rig_script(&rig, script);
	(void)unlink(rig.counts);
	rig_start_ready(&rig, &shim, &worker);
}

/* The worker ends by itself with exit code 1 and these words in its log. */
static void assert_refused(const struct rig_options *options, const char *words)
{
	struct ks_frame frame;

	rig_start(&rig, options, &worker);
	assert_false(rig_read(&worker, &frame));
	KS_AUTO_FREE char *log = rig_read_log(&worker);
	assert_non_null(log);
	if (!strstr(log, words))
		fail_msg("\"%s\" is not in: %s", words, log);
	assert_int_equal(rig_wait(&worker), EXITED(1));
}

static void make_file(char *path, size_t size, const char *name, const char *text, mode_t mode)
{
	(void)snprintf(path, size, "%s/%s", rig.folder, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* --- what is loaded ---------------------------------------------------------------------------------------------- */

static void test_worker_refuses_a_module_that_does_not_exist(void **state)
{
	(void)state;
	const struct rig_options options = { .path = "/nonexistent/module.so" };

	assert_refused(&options, "module \"test\" cannot be used: /nonexistent does not exist");
}

static void test_worker_refuses_a_relative_path(void **state)
{
	(void)state;
	const struct rig_options options = { .path = "libsofthsm2.so" };

	assert_refused(&options, "is not an absolute path");
}

static void test_worker_refuses_a_module_that_others_can_write(void **state)
{
	(void)state;
	char path[160];
	const struct rig_options options = { .path = path };

	make_file(path, sizeof(path), "loose.so", "", 0666);
	assert_refused(&options, "loose.so is writable by everybody");
	assert_int_equal(chmod(path, 0620), 0);
	assert_refused(&options, "loose.so is writable by its group");
}

static void test_worker_refuses_a_module_in_a_folder_that_others_can_write(void **state)
{
	(void)state;
	char folder[160], path[200];
	const struct rig_options options = { .path = path };

	(void)snprintf(folder, sizeof(folder), "%s/loose", rig.folder);
	(void)snprintf(path, sizeof(path), "%s/keystay-shim.so", folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(symlink(rig.shim, path), 0);
	assert_int_equal(chmod(folder, 0777), 0);
	assert_refused(&options, "loose is writable by everybody");
}

static void test_worker_refuses_what_is_no_module(void **state)
{
	(void)state;
	char path[160];
	const struct rig_options options = { .path = path };

	make_file(path, sizeof(path), "text.so", "not an ELF file", 0600);
	assert_refused(&options, "module \"test\" cannot be used: ");
}

static void test_worker_refuses_keystays_own_module(void **state)
{
	(void)state;
	char path[160], other[160];
	const struct rig_options options = { .path = path }, by_link = { .path = other };

	(void)snprintf(path, sizeof(path), "%s/keystay-pkcs11.so", rig.folder);
	(void)snprintf(other, sizeof(other), "%s/other.so", rig.folder);
	make_file(path, sizeof(path), "keystay-pkcs11.so", "", 0600);
	assert_refused(&options, "is keystay's own module");
	assert_int_equal(symlink(path, other), 0);
	assert_refused(&by_link, "is keystay's own module");
	/* Under another name it is known by what it says of itself. */
	rig_script(&rig, "info-description keystay agent\n");
	assert_refused(&shim, "leads to keystay's own module");
}

static void test_worker_says_why_the_module_does_not_start(void **state)
{
	(void)state;

	rig_script(&rig, "C_Initialize * rv 0x30\n");
	assert_refused(&shim, "keystay-shim.so: C_Initialize failed: the device reports an error (CKR_DEVICE_ERROR)");
}

/* --- p11-kit's names --------------------------------------------------------------------------------------------- */

static void make_module_file(const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "mkdir -p %s/config/pkcs11/modules", rig.folder);
	assert_int_equal(system(path), 0);
	(void)snprintf(path, sizeof(path), "config/pkcs11/modules/%s.module", name);
	char full[400];
	make_file(full, sizeof(full), path, text, 0600);
}

static void test_worker_finds_a_module_by_its_p11_kit_name(void **state)
{
	(void)state;
	char text[256], environment[200];
	struct rig_options options = { .p11_kit = "rig-module", .environment = { environment } };

	(void)snprintf(environment, sizeof(environment), "XDG_CONFIG_HOME=%s/config", rig.folder);
	(void)snprintf(text, sizeof(text), "# a comment\n  module :  %s \nmanaged: yes\n", rig.shim);
	make_module_file("rig-module", text);
	rig_script(&rig, NULL);
	rig_start_ready(&rig, &options, &worker);
	assert_int_equal(worker.n_tokens, 1);
	rig_stop(&worker);

	options.p11_kit = "no-such-module";
	assert_refused(&options, "p11-kit knows no module \"no-such-module\": there is no no-such-module.module in ");
	options.p11_kit = "../rig-module";
	assert_refused(&options, "a p11-kit module name has letters");

	(void)snprintf(text, sizeof(text), "module: %s\ndisable-in: p11-kit-proxy, keystay-token\n", rig.shim);
	make_module_file("not-here", text);
	options.p11_kit = "not-here";
	assert_refused(&options, "\"not-here\" is not for keystay-token, as its \"disable-in:\" line says");
	(void)snprintf(text, sizeof(text), "module: %s\nenable-in: keystay-token-not\n", rig.shim);
	make_module_file("not-here", text);
	assert_refused(&options, "\"enable-in:\"");
	make_module_file("not-here", "remote: |ssh host p11-kit remote\n");
	assert_refused(&options, "runs elsewhere");
	make_module_file("not-here", "module:\n");
	assert_refused(&options, "names no file");

	char path[256];
	(void)snprintf(path, sizeof(path), "%s/config/pkcs11/modules/rig-module.module", rig.folder);
	assert_int_equal(chmod(path, 0666), 0);
	options.p11_kit = "rig-module";
	assert_refused(&options, "rig-module.module is writable by everybody");
}

/* --- walls ------------------------------------------------------------------------------------------------------- */

static void assert_link(const char *name, const char *expected)
{
	char path[64], target[256];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)worker.pid, name);
	ssize_t size = readlink(path, target, sizeof(target) - 1);
	assert_true(size > 0);
	target[size] = '\0';
	if (strncmp(target, expected, strlen(expected)) != 0)
		fail_msg("descriptor %s is %s", name, target);
}

static void assert_in_file(const char *name, const char *line)
{
	char path[64], text[256];
	bool found = false;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)worker.pid, name);
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(text, sizeof(text), file))
		found = found || strncmp(text, line, strlen(line)) == 0;
	(void)fclose(file);
	if (!found)
		fail_msg("\"%s\" is not in %s", line, path);
}

static void test_worker_stands_between_walls(void **state)
{
	(void)state;

	start(NULL);
	assert_in_file("status", "NoNewPrivs:\t1");
	assert_in_file("limits", "Max core file size        0                    0 ");
	if (geteuid() != 0) {
		print_message("SKIP: the descriptors of an undumpable process are for root to see\n");
		rig_stop(&worker);
		skip();
	}
	assert_link("0", "/dev/null");
	assert_link("1", "pipe:");
	assert_link("2", "pipe:");
	assert_link("3", "socket:");
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/fd/9", (int)worker.pid);
	assert_int_equal(access(path, F_OK), -1);
	rig_stop(&worker);
}

static void test_module_finds_itself_between_walls(void **state)
{
	(void)state;

	start("C_GetInfo 1 tell-process\n");
	assert_int_equal(shutdown(worker.fd, SHUT_RDWR), 0);
	KS_AUTO_FREE char *log = rig_read_log(&worker);
	assert_non_null(strstr(log, "dumpable=0 death-signal=9 OPENSSL_CONF=/dev/null\n"));
	assert_int_equal(rig_wait(&worker), 0);
}

static bool contains(const uint8_t *memory, size_t size, const char *wanted)
{
	return memmem(memory, size, wanted, strlen(wanted)) != NULL;
}

/* In how many mappings of the worker is this text? -1 when its memory may not be read. */
static int count_in_memory(const char *wanted)
{
	char path[64], line[512];
	int n = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)worker.pid);
	KS_AUTO_CLOSE int memory = open(path, O_RDONLY | O_CLOEXEC);
	(void)snprintf(path, sizeof(path), "/proc/%d/maps", (int)worker.pid);
	FILE *maps = fopen(path, "re");
	if (memory < 0 || !maps) {
		if (maps)
			(void)fclose(maps);
		return -1;
	}
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to;
		char rights[5];
		if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) != 3 || rights[0] != 'r' || rights[1] != 'w' ||
		    to - from > (64ul << 20))
			continue;
		KS_AUTO_FREE uint8_t *copy = malloc(to - from);
		assert_non_null(copy);
		ssize_t size = pread(memory, copy, to - from, (off_t)from);
		n += size > 0 && contains(copy, (size_t)size, wanted) ? 1 : 0;
	}
	(void)fclose(maps);
	return n;
}

static void test_pin_is_nowhere_in_the_worker_after_the_login(void **state)
{
	(void)state;
	char gate[192], script[256];

	(void)snprintf(gate, sizeof(gate), "%s/gate.1", rig.folder);
	(void)snprintf(script, sizeof(script), "C_Login 1 gate %s/gate\n", rig.folder);
	assert_int_equal(mkfifo(gate, 0600), 0);
	start(script);
	if (count_in_memory("C_Login") < 0) {
		print_message("SKIP: the memory of another process may not be read here\n");
		rig_stop(&worker);
		skip();
	}
	const struct ks_msg_worker_login login = { KS_MESSAGE_HEAD(1), .token = worker.tokens[0].number,
						   .serial = ks_bytes_text(worker.tokens[0].serial),
						   .digest = ks_bytes(worker.tokens[0].digest, 32),
						   .pin = ks_bytes_text(RIG_PIN) };
	rig_send(&worker, KS_MSG_WORKER_LOGIN, &login);
	int fd = open(gate, O_WRONLY | O_CLOEXEC); /* C_Login has begun */
	assert_true(fd >= 0);
	/* While it is used it stands in one place: the receive buffer has been wiped already. */
	assert_int_equal(count_in_memory(RIG_PIN), 1);
	(void)close(fd);
	assert_int_equal(rig_await(&worker, 1, KS_MSG_WORKER_LOGIN_REPLY, NULL), 0);
	assert_int_equal(count_in_memory(RIG_PIN), 0);
	worker.last_id = 1;
	assert_int_equal(rig_logout(&worker, worker.tokens[0].number), 0);
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, "wrong-pin-4711", NULL), KS_ERR_PIN_WRONG);
	assert_int_equal(count_in_memory("wrong-pin-4711"), 0);
	/* The token remembers the wrong one until it is given a good one. */
	const struct rig_login told = { .final_try = true };
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, RIG_PIN, &told), 0);
	rig_stop(&worker);
}

/* In its other life as well, where libp11 would keep a copy. */
static void test_pins_are_nowhere_in_the_worker_after_a_change(void **state)
{
	(void)state;
	static const char new_pin[] = "new-8812-pin";
	const struct rig_options options = { .path = RIG_SHIM, .arguments = { "--provision" } };
	const struct ks_msg_worker_provision change = { KS_MESSAGE_HEAD(1), .operation = KS_PROVISION_PIN_CHANGE,
							.token = ks_bytes_text("corp"), .pin = ks_bytes_text(RIG_PIN),
							.new_pin = ks_bytes_text(new_pin) };
	const struct ks_msg_worker_provision back = { KS_MESSAGE_HEAD(2), .operation = KS_PROVISION_PIN_CHANGE,
						      .token = ks_bytes_text("corp"), .pin = ks_bytes_text(new_pin),
						      .new_pin = ks_bytes_text(RIG_PIN) };
	char gate[192], script[256];

	(void)snprintf(gate, sizeof(gate), "%s/change.1", rig.folder);
	(void)snprintf(script, sizeof(script), "C_SetPIN 1 gate %s/change\n", rig.folder);
	assert_int_equal(mkfifo(gate, 0600), 0);
	rig_script(&rig, script);
	rig_start(&rig, &options, &worker);
	rig_send(&worker, KS_MSG_WORKER_PROVISION, &change);
	int fd = open(gate, O_WRONLY | O_CLOEXEC); /* C_SetPIN has begun; C_Login is over */
	assert_true(fd >= 0);
	bool readable = count_in_memory("C_SetPIN") >= 0;
	if (readable) {
		assert_int_equal(count_in_memory(RIG_PIN), 1);
		assert_int_equal(count_in_memory(new_pin), 1);
	}
	(void)close(fd);
	assert_int_equal(rig_await(&worker, 1, KS_MSG_WORKER_PROVISION_REPLY, NULL), 0);
	if (readable) {
		assert_int_equal(count_in_memory(RIG_PIN), 0);
		assert_int_equal(count_in_memory(new_pin), 0);
	}
	rig_send(&worker, KS_MSG_WORKER_PROVISION, &back);
	assert_int_equal(rig_await(&worker, 2, KS_MSG_WORKER_PROVISION_REPLY, NULL), 0);
	rig_stop(&worker);
	if (!readable) {
		print_message("SKIP: the memory of another process may not be read here\n");
		skip();
	}
}

static void await_in_log(const char *words, const char *more_words)
{
	static char text[65536];
	size_t used = 0;

	while (!memmem(text, used, words, strlen(words)) || !memmem(text, used, more_words, strlen(more_words))) {
		struct pollfd wait = { .fd = worker.log_fd, .events = POLLIN };
		assert_int_equal(poll(&wait, 1, 60000), 1);
		assert_true(used < sizeof(text));
		ssize_t n = read(worker.log_fd, text + used, sizeof(text) - used);
		assert_true(n > 0);
		used += (size_t)n;
	}
}

static void test_module_that_prints_does_no_harm(void **state)
{
	(void)state;

	start("* * print words of a vendor\n");
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, RIG_PIN, NULL), 0);
	assert_int_equal(rig_sign(&worker, &worker.keys[0], 0x0403), 0);
	/* At once, not when a buffer is full: the process may never get to empty it. */
	await_in_log("words of a vendor (standard output)\n", "words of a vendor (standard error)\n");
	rig_stop(&worker);
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

static void test_worker_finalises_the_module_when_the_agent_goes(void **state)
{
	(void)state;

	start(NULL);
	rig_stop(&worker);
	assert_int_equal(rig_count(&rig, "C_Finalize"), 1);
}

static void test_worker_ends_although_the_module_does_not(void **state)
{
	(void)state;

	start("C_Finalize * hang\n");
	rig_stop(&worker);
	start("C_Sign * hang\n");
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, RIG_PIN, NULL), 0);
	(void)rig_ask_signature(&worker, worker.keys[0].token, worker.keys[0].number, 0x0403, ks_bytes("x", 1));
	rig_stop(&worker);
	start("C_Finalize * exit\n"); /* and with it its exit handlers */
	rig_stop(&worker);
}

/* A signature that hangs keeps neither the channel nor other signatures from working. */
static void test_hanging_signature_does_not_stop_the_others(void **state)
{
	(void)state;

	char script[256], path[192];
	(void)snprintf(path, sizeof(path), "%s/hang.1", rig.folder);
	(void)snprintf(script, sizeof(script), "C_Sign 1 gate %s/hang\n", rig.folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	start(script);
	assert_int_equal(rig_login(&worker, worker.tokens[0].number, RIG_PIN, NULL), 0);
	uint32_t id = rig_ask_signature(&worker, worker.keys[0].token, worker.keys[0].number, 0x0403, ks_bytes("x", 1));
	int gate = open(path, O_WRONLY | O_CLOEXEC); /* it is inside, and stays there */
	assert_true(gate >= 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(rig_sign(&worker, &worker.keys[0], 0x0403), 0);
	(void)close(gate);
	assert_int_equal(rig_await(&worker, id, KS_MSG_WORKER_SIGN_REPLY, NULL), 0);
	rig_stop(&worker);
}

/* A number, and a descriptor along with it. */
union told {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

static bool tell(int socket, pid_t pid, int fd)
{
	union told control = { .bytes = { 0 } };
	struct iovec data = { &pid, sizeof(pid) };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);

	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(head), &fd, sizeof(fd));
	return sendmsg(socket, &message, 0) == sizeof(pid);
}

static void hear(int socket, pid_t *ret_pid, int *ret_fd)
{
	union told control;
	struct iovec data = { ret_pid, sizeof(*ret_pid) };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes)
	};

	assert_int_equal(recvmsg(socket, &message, MSG_CMSG_CLOEXEC), sizeof(*ret_pid));
	assert_non_null(CMSG_FIRSTHDR(&message));
	memcpy(ret_fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(*ret_fd));
}

/* The agent is a child of ours that starts a worker and is killed. Its end of the channel lives on in our hands, so that
 * nothing but the death of its parent ends the worker. */
static void test_worker_dies_with_its_parent(void **state)
{
	(void)state;
	int ends[2], channel = -1;
	pid_t pid = -1;

	rig_script(&rig, NULL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	(void)fflush(NULL);
	pid_t agent = fork();
	assert_true(agent >= 0);
	if (agent == 0) {
		rig_start_ready(&rig, &shim, &worker);
		if (!tell(ends[1], worker.pid, worker.fd))
			_exit(1);
		for (;;)
			(void)pause();
	}
	hear(ends[0], &pid, &channel);
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(pidfd >= 0);
	assert_int_equal(kill(agent, SIGKILL), 0);
	assert_int_equal(waitpid(agent, NULL, 0), agent);
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };
	assert_int_equal(poll(&wait, 1, 60000), 1);
	(void)close(pidfd);
	(void)close(channel);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

/* --- the channel ------------------------------------------------------------------------------------------------- */

static void send_raw(const void *bytes, size_t size)
{
	assert_int_equal(send(worker.fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

static void test_worker_ends_at_what_is_no_frame(void **state)
{
	(void)state;
	static const struct {
		uint8_t bytes[5];
		size_t size;
	} frames[] = {
		{ { 0, 0, 0, 0 }, 4 },
		{ { 0xff, 0xff, 0xff, 0xff }, 4 },
		{ { 0, 0, 0, 1, KS_MSG_WORKER_SIGN }, 5 }, /* without version and id nobody can be answered */
	};

	for (size_t i = 0; i < 3; i++) {
		struct ks_frame frame;
		start(NULL);
		send_raw(frames[i].bytes, frames[i].size);
		assert_false(rig_read(&worker, &frame));
		assert_int_equal(rig_wait(&worker), EXITED(1));
	}
}

static void test_worker_refuses_messages_that_are_not_for_it(void **state)
{
	(void)state;
	const struct ks_msg_status status = { KS_MESSAGE_HEAD(5) };
	const struct ks_msg_worker_rescan future = { .version = 99, .id = 6 };

	start(NULL);
	rig_send(&worker, KS_MSG_STATUS, &status);
	assert_int_equal(rig_await(&worker, 5, KS_MSG_STATUS_REPLY, NULL), KS_ERR_UNKNOWN_MESSAGE);
	rig_send(&worker, KS_MSG_WORKER_RESCAN, &future);
	assert_int_equal(rig_await(&worker, 6, KS_MSG_WORKER_RESCAN_REPLY, NULL), KS_ERR_VERSION);
	uint8_t half[] = { 0, 0, 0, 13, KS_MSG_WORKER_LOGOUT, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0 };
	half[3] = sizeof(half) - 4;
	send_raw(half, sizeof(half));
	assert_int_equal(rig_await(&worker, 7, KS_MSG_WORKER_LOGOUT_REPLY, NULL), KS_ERR_MALFORMED);
	assert_int_equal(rig_rescan(&worker), 0);
	rig_stop(&worker);
}

/* A frame that comes byte by byte is a frame. */
static void test_worker_waits_for_a_slow_frame(void **state)
{
	(void)state;
	KS_CLEANUP(ks_buffer_deinit) struct ks_buffer out = { 0 };
	const struct ks_msg_worker_rescan rescan = { KS_MESSAGE_HEAD(8) };

	start(NULL);
	ks_message_write(&out, KS_MSG_WORKER_RESCAN, &rescan);
	for (size_t i = 0; i < out.size; i++)
		send_raw(out.data + i, 1);
	assert_int_equal(rig_await(&worker, 8, KS_MSG_WORKER_RESCAN_REPLY, NULL), 0);
	rig_stop(&worker);
}

/* --- the command line -------------------------------------------------------------------------------------------- */

static int run_command(const char *arguments, const char *words)
{
	char command[512], line[512];
	bool found = words == NULL;

	(void)snprintf(command, sizeof(command), "'%s' %s 2>&1 3<&-", KEYSTAY_TOKEN, arguments);
	FILE *output = popen(command, "re");
	assert_non_null(output);
	while (fgets(line, sizeof(line), output))
		found = found || strstr(line, words);
	int status = pclose(output);
	if (!found)
		fail_msg("\"%s\" is not in the output of: %s", words, command);
	return status;
}

static void test_command_line_is_checked(void **state)
{
	(void)state;

	assert_int_equal(run_command("--help", "Usage: keystay-token "), 0);
	assert_int_equal(run_command("--version", "keystay-token 0."), 0);
	assert_int_equal(run_command("", "--module and one of --path and --p11-kit are needed"), EXITED(2));
	assert_int_equal(run_command("--module x --path /a --p11-kit b", "one of --path and --p11-kit"), EXITED(2));
	assert_int_equal(run_command("--module x --path /a --sessions 0", "--sessions takes a number"), EXITED(2));
	assert_int_equal(run_command("--module x --path /a --sessions 65", "--sessions takes a number"), EXITED(2));
	assert_int_equal(run_command("--module x --path /a more", "\"more\" is not an option"), EXITED(2));
	assert_int_equal(run_command("--wrong", "keystay-token --help"), EXITED(2));
	assert_int_equal(run_command("--module x --path /a", NULL), EXITED(1)); /* nobody started it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worker_refuses_a_module_that_does_not_exist),
		cmocka_unit_test(test_worker_refuses_a_relative_path),
		cmocka_unit_test(test_worker_refuses_a_module_that_others_can_write),
		cmocka_unit_test(test_worker_refuses_a_module_in_a_folder_that_others_can_write),
		cmocka_unit_test(test_worker_refuses_what_is_no_module),
		cmocka_unit_test(test_worker_refuses_keystays_own_module),
		cmocka_unit_test(test_worker_says_why_the_module_does_not_start),
		cmocka_unit_test(test_worker_finds_a_module_by_its_p11_kit_name),
		cmocka_unit_test(test_worker_stands_between_walls),
		cmocka_unit_test(test_module_finds_itself_between_walls),
		cmocka_unit_test(test_pin_is_nowhere_in_the_worker_after_the_login),
		cmocka_unit_test(test_pins_are_nowhere_in_the_worker_after_a_change),
		cmocka_unit_test(test_module_that_prints_does_no_harm),
		cmocka_unit_test(test_worker_finalises_the_module_when_the_agent_goes),
		cmocka_unit_test(test_worker_ends_although_the_module_does_not),
		cmocka_unit_test(test_hanging_signature_does_not_stop_the_others),
		cmocka_unit_test(test_worker_dies_with_its_parent),
		cmocka_unit_test(test_worker_ends_at_what_is_no_frame),
		cmocka_unit_test(test_worker_refuses_messages_that_are_not_for_it),
		cmocka_unit_test(test_worker_waits_for_a_slow_frame),
		cmocka_unit_test(test_command_line_is_checked),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
