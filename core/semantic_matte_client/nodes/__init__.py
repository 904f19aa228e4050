"""What the nodes of all hosts share: frames, folders, records, instances and controls, in plain values.

A host's adapter imports these modules one by one; importing the client loads none of them.
"""
