#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The rules as udev reads them, beside those of the system, for devices that umockdev makes up: which tags they get,
# and that whoever sits at the machine may open a USB token. Everything happens in a mount namespace with a /run and a
# /dev of its own: udevadm test(8) writes there.
#
# usage: udev_rules.sh RULES-FILE

set -euo pipefail
skip() {
	echo "SKIP: $1"
	exit 77
}

if [ "${1-}" != --inside ]; then
	for program in udevadm umockdev-run unshare; do
		command -v $program >/dev/null || skip "$program is not installed"
	done
	private=(unshare --mount)
	[ "$(id -u)" -eq 0 ] || private=(unshare --user --map-root-user --mount)
	"${private[@]}" true 2>/dev/null || skip "no private mount namespace can be had here"
	exec "${private[@]}" "$0" --inside "$(realpath -- "$1")"
fi

rules=$2
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cp -- "$rules" "$work/rules"
mount -t tmpfs tmpfs /run
mkdir -p /run/dev /run/udev/rules.d
touch /run/dev/null
mount --bind /dev/null /run/dev/null
mount --rbind /run/dev /dev
failed=0

# usb_device VENDOR PRODUCT INTERFACE-CLASS: in umockdev's language. udev reads the interfaces from the descriptors:
# the device's, one configuration's, one interface's and its endpoint's (USB 2.0 section 9.6).
usb_device() {
	local device=120100020000004000000000000101020001 configuration=090219000101008032
	local interface=0904000001${3}000000 endpoint=07058102400000
	printf '%s\n' 'P: /devices/usb1/1-1' 'N: bus/usb/001/002' 'E: DEVTYPE=usb_device' \
		'E: DEVNAME=/dev/bus/usb/001/002' 'E: SUBSYSTEM=usb' 'E: MAJOR=189' 'E: MINOR=1' \
		"A: idVendor=$1\\n" "A: idProduct=$2\\n" "H: descriptors=$device$configuration$interface$endpoint" ''
}

tpm_device() {
	printf '%s\n' 'P: /devices/virtual/tpmrm/tpmrm0' 'E: DEVNAME=/dev/tpmrm0' 'E: SUBSYSTEM=tpmrm' \
		'E: MAJOR=253' 'E: MINOR=65536' ''
}

# apply RULES-NAME [ACTION]: what udev makes of the device on standard input, in $work/out.
apply() {
	local path
	cat >"$work/device"
	path=$(sed -n 's/^P: //p' "$work/device")
	rm -rf /run/udev/rules.d /run/udev/data
	mkdir -p /run/udev/rules.d
	cp "$work/rules" "/run/udev/rules.d/$1"
	umockdev-run --device="$work/device" -- udevadm test --action="${2:-add}" "/sys$path" >"$work/out" 2>&1 || {
		cat "$work/out" >&2
		exit 1
	}
}

# has PATTERN SENTENCE, has_not PATTERN SENTENCE: of the last apply.
has() {
	if grep -qE -- "$1" "$work/out"; then
		echo "ok: $2"
	else
		echo "FAILED: $2 (looked for $1)"
		grep -E '^(TAGS|ID_USB_INTERFACES|SYSTEMD|run:)' "$work/out" || true
		failed=1
	fi
}
has_not() {
	if grep -qE -- "$1" "$work/out"; then
		echo "FAILED: $2 (found $1)"
		failed=1
	else
		echo "ok: $2"
	fi
}
is_token() {
	has '^TAGS=.*:keystay:' "$1 is a device that the agent watches"
	has '^TAGS=.*:systemd:' "$1 is a device that systemd knows"
	has '^SYSTEMD_USER_WANTS=.*keystay-agent\.socket( |$)' "$1 opens the sockets of the user's agent"
}
# What it says of a device's way through the rules starts with the device's name, not with the file's.
complaint='^/run/udev/rules\.d/.*keystay\.rules:[0-9]+ '
opens_for_the_seat="^run: '(builtin )?uaccess'"

usb_device 1a2b 0001 0b | apply 70-keystay.rules
has_not "$complaint" 'udev understands every rule'
has '^ID_USB_INTERFACES=:0b0000:' 'the made-up reader has a CCID interface'
is_token 'any reader with a CCID interface'
has '^TAGS=.*:uaccess:' 'a reader is for whoever sits at the machine'
has "$opens_for_the_seat" 'and udev acts on that'

usb_device 1050 0402 03 | apply 70-keystay.rules
is_token 'a YubiKey that shows no CCID interface'
has "$opens_for_the_seat" 'and it is for whoever sits at the machine'

usb_device 058f 9540 ff | apply 70-keystay.rules
is_token 'a reader of the table with a pattern for its product'
has "$opens_for_the_seat" 'and it is for whoever sits at the machine, although systemd does not know it'

usb_device 058f 6387 08 | apply 70-keystay.rules
has_not ':keystay:|keystay-agent|:uaccess:' 'a memory stick of the same vendor is none'

usb_device 1a2b 0001 03 | apply 70-keystay.rules
has_not ':keystay:|keystay-agent|:uaccess:' 'a keyboard is none'

usb_device 1050 0407 0b | apply 70-keystay.rules remove
has_not 'keystay-agent' 'a token that is taken out opens no sockets'

tpm_device | apply 70-keystay.rules
is_token 'a TPM'
has_not ':uaccess:' "a TPM is its group's, not the seat's"

# What these checks would say of rules that are wrong.
usb_device 058f 9540 ff | apply 74-keystay.rules
has_not "$opens_for_the_seat" 'rules that sort after 73-seat-late.rules would be without effect, and that is seen'
sed -i 's/^SUBSYSTEM!="usb"/SUBSISTEM!="usb"/' "$work/rules"
usb_device 1050 0407 0b | apply 70-keystay.rules
has "$complaint" 'a planted mistake is noticed'
exit $failed
