# A private MariaDB, for `supervise.sh`.
pid_file=pid
end_signal=KILL

# Options are in a file because the script that makes a data directory drops most of those
# that it is given as arguments. It is also the only file that is read: nothing of the
# machine's own server comes in.
make() {
    "$@" tee options <<END || return
[mariadbd]
datadir = $directory/data
tmpdir = $directory
socket = $directory/socket
pid-file = $directory/pid
init-file = $directory/users
bind-address = 127.0.0.1
port = $port
skip-name-resolve
skip-log-bin
max-connections = 200
default-time-zone = +00:00
character-set-server = utf8mb4
innodb-flush-method = nosync
innodb-flush-log-at-trx-commit = 0
innodb-doublewrite = off
innodb-buffer-pool-size = 128M
innodb-log-file-size = 16M
innodb-log-buffer-size = 4M
key-buffer-size = 1M
aria-pagecache-buffer-size = 8M
END
    # The server reads it each time that it starts, so once.
    "$@" tee users <<END || return
CREATE USER ormai@'127.0.0.1', ormai@localhost;
GRANT ALL ON *.* TO ormai@'127.0.0.1', ormai@localhost WITH GRANT OPTION;
CREATE DATABASE ormai;
END
    "$@" "$(command -v mariadb-install-db)" --defaults-file="$directory/options" \
        --auth-root-authentication-method=normal --skip-name-resolve --skip-test-db
}

serve() {
    exec "$@" "$(command -v mariadbd)" --defaults-file="$directory/options"
}

answers() {
    # By the socket: on the port there may be somebody else's.
    mariadb --no-defaults --socket="$directory/socket" --user=root --execute='SELECT 1'
}
