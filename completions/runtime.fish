# SPDX-License-Identifier: Apache-2.0
# Completion for fish. tools/check_docs.py holds the options against src/grammar.cpp.

function __runtime_command --description 'whether the line is one of these commands'
    for word in (commandline -opc)[2..]
        if contains -- $word create delete exec features help kill list pause ps resume run spec start state
            contains -- $word $argv
            return
        end
    end
    contains -- global $argv
end

function __runtime_containers
    command runtime list --quiet 2>/dev/null
end

complete -c runtime -f

complete -c runtime -n '__runtime_command global' -a create -d 'create a container'
complete -c runtime -n '__runtime_command global' -a delete -d 'delete a container that has stopped'
complete -c runtime -n '__runtime_command global' -a exec -d 'run another process in a container'
complete -c runtime -n '__runtime_command global' -a features -d 'show what this runtime can do'
complete -c runtime -n '__runtime_command global' -a help -d 'show this list, or the help of one command'
complete -c runtime -n '__runtime_command global' -a kill -d 'send a signal (default: TERM) to a container\'s first process'
complete -c runtime -n '__runtime_command global' -a list -d 'show the containers below the root directory'
complete -c runtime -n '__runtime_command global' -a pause -d 'stop all processes of a container until resume'
complete -c runtime -n '__runtime_command global' -a ps -d 'show the processes of a container'
complete -c runtime -n '__runtime_command global' -a resume -d 'let the processes of a paused container go on'
complete -c runtime -n '__runtime_command global' -a run -d 'create a container, start it, and delete it when it has ended'
complete -c runtime -n '__runtime_command global' -a spec -d 'write a config.json to begin with'
complete -c runtime -n '__runtime_command global' -a start -d 'let the program of a created container run'
complete -c runtime -n '__runtime_command global' -a state -d 'show the state of a container'
complete -c runtime -n '__runtime_command delete exec kill pause ps resume start state' -a '(__runtime_containers)'

complete -c runtime -l cgroup-manager -r -f -a 'cgroupfs systemd disabled' -d 'who makes cgroups: cgroupfs (default), systemd, or disabled'
complete -c runtime -l criu -r -f -d 'accepted for old callers, without effect'
complete -c runtime -l debug -d 'log what is done, step by step'
complete -c runtime -l help -s 'h' -s '?' -d 'show help'
complete -c runtime -l log -r -F -d 'append log messages to FILE instead of standard error'
complete -c runtime -l log-format -r -f -a 'text json' -d 'text (default) or json'
complete -c runtime -l log-level -r -f -a 'error warning info debug' -d 'log nothing below LEVEL: error, warning, info, or debug'
complete -c runtime -l root -r -F -d 'where containers are remembered (default: /run/runtime, or $XDG_RUNTIME_DIR/runtime)'
complete -c runtime -l rootless -r -f -d 'true, false, or auto; accepted for old callers, the runtime finds out itself'
complete -c runtime -l systemd-cgroup -d 'the same as --cgroup-manager systemd'
complete -c runtime -l usage -d 'show how the command is called'
complete -c runtime -l version -s 'v' -s 'V' -d 'show the version'
complete -c runtime -n '__runtime_command create' -l bundle -s 'b' -r -F -d 'the bundle (default: the working directory)'
complete -c runtime -n '__runtime_command create' -l config -s 'f' -r -F -d 'use FILE instead of the bundle\'s config.json'
complete -c runtime -n '__runtime_command create' -l console-socket -r -F -d 'send the terminal\'s controlling side to this unix socket'
complete -c runtime -n '__runtime_command create' -l no-new-keyring -d 'keep the caller\'s session keyring instead of making one'
complete -c runtime -n '__runtime_command create' -l no-pivot -d 'do not use pivot_root(2), which an initramfs refuses; less safe'
complete -c runtime -n '__runtime_command create' -l pid-file -r -F -d 'write the process id to FILE'
complete -c runtime -n '__runtime_command create' -l pidfd-socket -r -F -d 'send a pidfd of the process to this unix socket'
complete -c runtime -n '__runtime_command create' -l preserve-fds -r -f -d 'pass N more descriptors on, from 3 (behind those of $LISTEN_FDS)'
complete -c runtime -n '__runtime_command create' -l no-subreaper -d 'accepted for old callers: create leaves no process behind that could be one'
complete -c runtime -n '__runtime_command delete' -l force -s 'f' -d 'kill the container if it still runs; do nothing if there is none'
complete -c runtime -n '__runtime_command delete' -l regex -s 'r' -d 'the argument is a regular expression; delete every container it matches'
complete -c runtime -n '__runtime_command exec' -l additional-gids -s 'g' -r -f -d 'add a group (repeatable)'
complete -c runtime -n '__runtime_command exec' -l apparmor -r -f -d 'set the AppArmor profile'
complete -c runtime -n '__runtime_command exec' -l cap -s 'c' -r -f -d 'add a capability (repeatable)'
complete -c runtime -n '__runtime_command exec' -l cgroup -r -f -d 'run in this existing cgroup below the container\'s: [CONTROLLER:]PATH'
complete -c runtime -n '__runtime_command exec' -l console-socket -r -F -d 'send the terminal\'s controlling side to this unix socket'
complete -c runtime -n '__runtime_command exec' -l cwd -r -f -d 'the working directory in the container'
complete -c runtime -n '__runtime_command exec' -l detach -s 'd' -d 'return as soon as the process runs'
complete -c runtime -n '__runtime_command exec' -l env -s 'e' -r -f -d 'add an environment variable (repeatable)'
complete -c runtime -n '__runtime_command exec' -l ignore-paused -d 'allow it in a paused container'
complete -c runtime -n '__runtime_command exec' -l no-new-privs -d 'forbid the process to gain privileges, or with =false allow it'
complete -c runtime -n '__runtime_command exec' -l pid-file -r -F -d 'write the process id to FILE'
complete -c runtime -n '__runtime_command exec' -l pidfd-socket -r -F -d 'send a pidfd of the process to this unix socket'
complete -c runtime -n '__runtime_command exec' -l preserve-fds -r -f -d 'pass N more descriptors on, from 3'
complete -c runtime -n '__runtime_command exec' -l process -s 'p' -r -F -d 'take the whole process from this JSON file; command and other settings do not count'
complete -c runtime -n '__runtime_command exec' -l process-label -r -f -d 'set the SELinux label'
complete -c runtime -n '__runtime_command exec' -l tty -s 't' -d 'give the process a terminal'
complete -c runtime -n '__runtime_command exec' -l user -s 'u' -r -f -d 'run as this user, by number'
complete -c runtime -n '__runtime_command kill' -l all -s 'a' -d 'signal every process of the container'
complete -c runtime -n '__runtime_command kill' -l regex -s 'r' -d 'the argument is a regular expression; signal every container it matches'
complete -c runtime -n '__runtime_command list' -l format -s 'f' -r -f -a 'table json' -d 'table (default) or json'
complete -c runtime -n '__runtime_command list' -l quiet -s 'q' -d 'show only the ids'
complete -c runtime -n '__runtime_command ps' -l format -s 'f' -r -f -a 'table json' -d 'table (default) or json'
complete -c runtime -n '__runtime_command run' -l bundle -s 'b' -r -F -d 'the bundle (default: the working directory)'
complete -c runtime -n '__runtime_command run' -l config -s 'f' -r -F -d 'use FILE instead of the bundle\'s config.json'
complete -c runtime -n '__runtime_command run' -l console-socket -r -F -d 'send the terminal\'s controlling side to this unix socket'
complete -c runtime -n '__runtime_command run' -l no-new-keyring -d 'keep the caller\'s session keyring instead of making one'
complete -c runtime -n '__runtime_command run' -l no-pivot -d 'do not use pivot_root(2), which an initramfs refuses; less safe'
complete -c runtime -n '__runtime_command run' -l pid-file -r -F -d 'write the process id to FILE'
complete -c runtime -n '__runtime_command run' -l pidfd-socket -r -F -d 'send a pidfd of the process to this unix socket'
complete -c runtime -n '__runtime_command run' -l preserve-fds -r -f -d 'pass N more descriptors on, from 3 (behind those of $LISTEN_FDS)'
complete -c runtime -n '__runtime_command run' -l detach -s 'd' -d 'return as soon as the container runs'
complete -c runtime -n '__runtime_command run' -l keep -d 'do not delete the container when its process has ended'
complete -c runtime -n '__runtime_command run' -l no-subreaper -d 'leave orphaned processes to the caller'
complete -c runtime -n '__runtime_command spec' -l bundle -s 'b' -r -F -d 'the bundle (default: the working directory)'
complete -c runtime -n '__runtime_command spec' -l file -s 'f' -r -F -d 'write this file in the bundle (default: config.json)'
complete -c runtime -n '__runtime_command spec' -l rootless -d 'for a container that an ordinary user can run'
