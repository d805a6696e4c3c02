# SPDX-License-Identifier: BSD-3-Clause
# Completes the command line of holdfastctl in bash: commands, options, and from the running gateway
# sessions, services, backends and keys. Says nothing where none runs.
#
# shellcheck shell=bash

# Command, arguments, options; tests/lint/check-commands --print prints them.
_holdfastctl_commands='
info;;
session list;[STATE];--state STATE,--service SERVICE,--backend BACKEND,--client CLIENT,--idle MS,--limit COUNT
session show;SESSION|HANDLE;
session evict;SESSION|HANDLE [REASON];
backend list;;--service SERVICE,--backend BACKEND
backend drain;SERVICE BACKEND;
backend remove;SERVICE BACKEND;
service list;;
events;[KIND...];--follow,--from OFFSET
stats;;--watch [SECONDS]
top;;--interval SECONDS,--plain,--once
metrics;;
config get;[KEY];
config set;KEY VALUE;
config reload;;
config check;FILE;
config keys;;
drain;[DEADLINE_MS];
shutdown;[DEADLINE_MS];
version;;
'

_holdfastctl_kinds='session session.created session.connected session.resumed session.detached
session.ended session.let_go backend backend.connected backend.returned backend.reset backend.lost
backend.draining backend.forgotten gateway gateway.state refused config config.changed'

# Adds those of its arguments that begin with what is being completed. Names come from clients and
# backends: those that the shell would not take as they are are left out, and none is expanded.
_holdfastctl_offer() {
	local word
	for word in "$@"; do
		[[ $word == "$cur"* && $word =~ ^[][A-Za-z0-9_.:,/=+@-]+$ ]] && COMPREPLY+=("$word")
	done
}

# Offers a column of a table of the gateway's.
# usage: _holdfastctl_ask COLUMN COMMAND...
_holdfastctl_ask() {
	local column=$1 heading row
	shift
	while read -r -a row; do
		if [ -n "${heading:-}" ]; then
			_holdfastctl_offer "${row[column]:-}"
		fi
		heading=seen
	done < <(NO_COLOR=1 timeout 2 "$program" ${socket:+--socket "$socket"} "$@" 2>/dev/null)
}

# Offers what a word in capitals stands for.
_holdfastctl_value() {
	local file
	case $1 in
	*SESSION*) _holdfastctl_ask 0 session list --limit 1000 ;;
	*SERVICE*) _holdfastctl_ask 0 service list ;;
	*BACKEND*) _holdfastctl_ask 1 backend list ${service:+--service "$service"} ;;
	*STATE*) _holdfastctl_offer OPENING CONNECTED DETACHED CLOSING ;;
	*KIND*)
		# shellcheck disable=SC2086 # one word each
		_holdfastctl_offer $_holdfastctl_kinds
		;;
	*KEY*) _holdfastctl_ask 0 config get ;;
	*FILE* | *PATH*)
		compopt -o filenames 2>/dev/null
		while IFS= read -r file; do
			COMPREPLY+=("$file")
		done < <(compgen -f -- "$cur")
		;;
	esac
}

# Looks for an option in a list as above; sets value to its argument, "" where it has none.
_holdfastctl_option() {
	local option IFS=,
	for option in $2; do
		if [ "${option%% *}" = "$1" ]; then
			value=${option#"$1"}
			value=${value# }
			return 0
		fi
	done
	return 1
}

# Reads the words before what is being completed; sets what is known by then.
_holdfastctl_read() {
	local word line name found
	for word in "$@"; do
		if [ -n "$pending" ]; then
			case $option in
			--socket) socket=$word ;;
			--service) service=$word ;;
			esac
			found=$pending
			pending=
			# The argument of an option that may lack it is told by its first digit.
			[[ $found != "["* || $word == [0-9]* ]] && continue
		fi
		if [[ $word == -* ]]; then
			value=
			_holdfastctl_option "$word" "--socket PATH,--json,--help${options:+,$options}"
			option=$word pending=$value
			continue
		fi
		if [ -n "$command" ]; then
			words_seen=$((words_seen + 1))
			[[ $command == backend* && $words_seen -eq 1 ]] && service=$word
			continue
		fi
		noun=${noun:+$noun }$word
		while IFS= read -r line; do
			name=${line%%;*}
			[[ -n $name && $name == "$noun" ]] || continue
			command=$name line=${line#*;}
			arguments=${line%%;*} options=${line#*;}
		done <<<"$_holdfastctl_commands"
	done
}

# Offers nouns, or the verbs of the noun.
_holdfastctl_words() {
	local line name
	while IFS= read -r line; do
		name=${line%%;*}
		if [ -z "$noun" ]; then
			name=${name%% *}
			[[ " ${COMPREPLY[*]} " == *" $name "* ]] && continue
		else
			[[ $name == "$noun "* ]] || continue
			name=${name#"$noun "}
		fi
		[ -n "$name" ] && _holdfastctl_offer "$name"
	done <<<"$_holdfastctl_commands"
}

_holdfastctl() {
	local program=${COMP_WORDS[0]} cur=${COMP_WORDS[COMP_CWORD]}
	local socket="" service="" noun="" command="" arguments="" options="" option="" pending=""
	local words_seen=0 value="" word
	local -a before=() names=()

	COMPREPLY=()
	# "--state=X" comes as three words.
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[ "$word" = "=" ] || before+=("$word")
	done
	[ "$cur" = "=" ] && cur=""
	_holdfastctl_read "${before[@]}"
	if [ -n "$pending" ]; then
		_holdfastctl_value "$pending"
		[[ $pending == "["* ]] || return 0
	fi
	if [[ $cur == -* ]]; then
		IFS=, read -r -a names <<<"${options:+$options,}--socket,--json,--help"
		_holdfastctl_offer "${names[@]%% *}"
	elif [ -z "$command" ]; then
		_holdfastctl_words
	else
		read -r -a names <<<"$arguments"
		[[ $arguments == *...* ]] && words_seen=0
		_holdfastctl_value "${names[words_seen]:-}"
	fi
	return 0
}

complete -F _holdfastctl holdfastctl
