/** nginx's configuration for nchan: one worker, messages in memory, a channel for each room. */
export const nchanConfig = ({ port, module, files }) => `
load_module ${module};
daemon off;
worker_processes 1;
worker_rlimit_nofile ${files};
pid nginx.pid;
error_log error.log warn;
events { worker_connections ${files - 100}; }
http {
  access_log off;
  tcp_nodelay on;
  keepalive_requests 100000000;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  nchan_shared_memory_size 256M;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /events {
      nchan_publisher http;
      nchan_subscriber eventsource;
      nchan_channel_id $arg_room;
      nchan_subscriber_first_message newest;
      nchan_message_buffer_length 1000;
      nchan_subscriber_timeout 0;
    }
  }
}
`
