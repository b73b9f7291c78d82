"""Live sensors: serial ports, LSL streams and MQTT topics as sources and sinks.

Serial ports and topics carry the lines of a table, which the reader of tables reads; LSL streams carry numbers with
time stamps.
"""
