//! Private RabbitMQ and Redis processes for tests.
