"""How networks that began on ImageNet are fed: (colour - MEAN) / STD. Channels R, G, B on the 0..1 scale."""

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
