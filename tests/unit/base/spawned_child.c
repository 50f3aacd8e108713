/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawned_child: says on a descriptor what it was started with.
 *
 *	spawned_child report FD WORD...   a line for each thing that is inherited
 *	spawned_child sign FD...          writes its number to each descriptor
 *	spawned_child exit CODE
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static void report_descriptors(int out)
{
	char list[512] = "";
	DIR *folder = opendir("/proc/self/fd");
	if (!folder)
		return;
	for (int fd = 0; fd < 1024; fd++) {
		char name[16];
		struct stat status;
		if (fd == dirfd(folder) || fstat(fd, &status) < 0)
			continue;
		(void)snprintf(name, sizeof(name), " %d", fd);
		(void)strncat(list, name, sizeof(list) - strlen(list) - 1);
	}
	(void)dprintf(out, "descriptors%s\n", list);
	(void)closedir(folder);
}

static void report_standard(int out)
{
	for (int fd = 0; fd < 3; fd++) {
		char link[32];
		char path[256];
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		ssize_t size = readlink(link, path, sizeof(path) - 1);
		path[size > 0 ? size : 0] = '\0';
		(void)dprintf(out, "%d %s\n", fd, path);
	}
}

static void report_signals(int out)
{
	char line[256];
	FILE *file = fopen("/proc/self/status", "re");
	while (file && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "SigBlk:", 7) == 0 || strncmp(line, "SigIgn:", 7) == 0)
			(void)dprintf(out, "%s", line);
	}
	if (file)
		(void)fclose(file);
}

static int report(int argc, char **argv)
{
	int out = atoi(argv[2]);
	report_descriptors(out);
	report_standard(out);
	report_signals(out);
	(void)dprintf(out, "session %s\n", getsid(0) == getpid() ? "own" : "shared");
	for (int i = 3; i < argc; i++)
		(void)dprintf(out, "argument %s\n", argv[i]);
	for (char **variable = environ; *variable; variable++)
		(void)dprintf(out, "environment %s\n", *variable);
	return 0;
}

static int sign(int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		if (write(atoi(argv[i]), argv[i], strlen(argv[i])) < 0)
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "report") == 0)
		return report(argc, argv);
	if (argc > 2 && strcmp(argv[1], "sign") == 0)
		return sign(argc, argv);
	return argc > 2 ? atoi(argv[2]) : 99;
}
