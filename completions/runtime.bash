# SPDX-License-Identifier: Apache-2.0
# Completion for bash. A "=" behind an option says that a value follows; tools/check_docs.py holds the lists against
# src/grammar.cpp.
# shellcheck shell=bash disable=SC2207

_runtime_options() {
  local options=
  case $1 in
    global) options='--cgroup-manager= --criu= --debug --help --log-format= --log-level= --log= --root= --rootless= --systemd-cgroup --timing --usage --version -? -V -h -v' ;;
    checkpoint) options='--auto-dedup --empty-ns= --ext-unix-sk --file-locks --image-path= --lazy-pages --leave-running --link-remap --manage-cgroups-mode= --network-lock= --page-server= --parent-path= --pre-dump --shell-job --status-fd= --tcp-established --tcp-skip-in-flight --work-path=' ;;
    create) options='--bundle= --config= --console-socket= --no-new-keyring --no-pivot --no-subreaper --pid-file= --pidfd-socket= --preserve-fds= -b= -f=' ;;
    delete) options='--force --regex -f -r' ;;
    events) options='--interval= --stats' ;;
    exec) options='--additional-gids= --apparmor= --cap= --cgroup= --console-socket= --cwd= --detach --env= --ignore-paused --no-new-privs --pid-file= --pidfd-socket= --preserve-fds= --process-label= --process= --tty --user= -c= -d -e= -g= -p= -t -u=' ;;
    kill) options='--all --regex -a -r' ;;
    list) options='--format= --quiet -f= -q' ;;
    ps) options='--format= -f=' ;;
    restore) options='--auto-dedup --bundle= --console-socket= --detach --empty-ns= --ext-unix-sk --file-locks --image-path= --lazy-pages --lsm-mount-context= --lsm-profile= --manage-cgroups-mode= --network-lock= --no-pivot --no-subreaper --parent-path= --pid-file= --shell-job --tcp-close --tcp-established --work-path= -b= -d' ;;
    run) options='--bundle= --config= --console-socket= --detach --keep --no-new-keyring --no-pivot --no-subreaper --pid-file= --pidfd-socket= --preserve-fds= -b= -d -f=' ;;
    spec) options='--bundle= --file= --rootless -b= -f=' ;;
    update) options='--blkio-weight= --cpu-burst= --cpu-idle= --cpu-period= --cpu-quota= --cpu-rt-period= --cpu-rt-runtime= --cpu-share= --cpuset-cpus= --cpuset-mems= --kernel-memory-tcp= --kernel-memory= --l3-cache-schema= --mem-bw-schema= --memory-reservation= --memory-swap= --memory= --pids-limit= --resources= -r=' ;;
  esac
  echo "$options"
}

_runtime_commands='checkpoint create delete events exec features help kill list mounts pause ps restore resume run spec start state update'

# The containers below the root directory that the line names.
_runtime_containers() {
  "${words[0]}" ${root:+--root "$root"} list --quiet 2>/dev/null
}

_runtime() {
  local words=("${COMP_WORDS[@]}") current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  local command=global root='' given=0 i value word option known
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; ++i)); do
    word=${words[i]}
    value=$((i + 1))
    # "--root=DIR" arrives as three words, because "=" is in COMP_WORDBREAKS.
    if [[ ${words[value]-} == = ]]; then ((++value)); fi
    if [[ $word == --root ]]; then root=${words[value]-}; fi
    if [[ $word == -* ]]; then
      IFS=' ' read -ra known <<<"$(_runtime_options global) $(_runtime_options "$command")"
      for option in "${known[@]}"; do
        if [[ $option == "$word=" ]]; then i=$value; fi
      done
    elif [[ $command == global ]]; then
      command=$word
    else
      ((++given))
    fi
  done
  if [[ $previous == = ]]; then previous=${words[COMP_CWORD - 2]}; fi

  case $previous in
    --bundle | -b | --image-path | --parent-path | --root | --work-path) COMPREPLY=($(compgen -d -- "$current")) && return ;;
    --config | --console-socket | --log | --pid-file | --pidfd-socket | --process | --resources | -p)
      COMPREPLY=($(compgen -f -- "$current")) && return ;;
    --manage-cgroups-mode) COMPREPLY=($(compgen -W 'soft full strict ignore' -- "$current")) && return ;;
    --network-lock) COMPREPLY=($(compgen -W 'iptables nftables skip' -- "$current")) && return ;;
    --format) COMPREPLY=($(compgen -W 'table json' -- "$current")) && return ;;
    --log-format) COMPREPLY=($(compgen -W 'text json' -- "$current")) && return ;;
    --log-level) COMPREPLY=($(compgen -W 'error warning info debug' -- "$current")) && return ;;
    --cgroup-manager) COMPREPLY=($(compgen -W 'cgroupfs systemd disabled' -- "$current")) && return ;;
  esac
  # What follows the container's id is the program's, or ps's.
  if ((given > 0)) && [[ $command == exec || $command == ps ]]; then
    COMPREPLY=($(compgen -f -- "$current"))
    return
  fi
  if [[ $current == -* ]]; then
    local options
    options="$(_runtime_options global) $(_runtime_options "$command")"
    COMPREPLY=($(compgen -W "${options//=/}" -- "$current"))
    return
  fi
  case $command in
    global | help) COMPREPLY=($(compgen -W "$_runtime_commands" -- "$current")) ;;
    delete | events | exec | kill | pause | ps | resume | start | state | update)
      if ((given == 0)); then COMPREPLY=($(compgen -W "$(_runtime_containers)" -- "$current")); fi
      if [[ $command == kill ]] && ((given == 1)); then COMPREPLY=($(compgen -A signal -- "$current")); fi
      ;;
    mounts)
      case $given in
        0) COMPREPLY=($(compgen -W 'add remove' -- "$current")) ;;
        1) COMPREPLY=($(compgen -W "$(_runtime_containers)" -- "$current")) ;;
        *) COMPREPLY=($(compgen -f -- "$current")) ;;
      esac
      ;;
  esac
}

complete -F _runtime runtime
